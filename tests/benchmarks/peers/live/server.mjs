// graphql-yoga with graphql-ws, put together as their documentation does, on the bench's database.
//
// An event is announced with its commit (NOTIFY), read once with its ticket, and published; each subscriber's operation
// is then executed on what was read, as yoga does. No sign-in, no scope, no row-level security: the kindest reading.
import { createServer } from 'node:http'
import { createPubSub, createSchema, createYoga } from 'graphql-yoga'
import { useServer } from 'graphql-ws/use/ws'
import pg from 'pg'
import { WebSocketServer } from 'ws'

const { PORT, PGHOST, PGPORT, PGUSER, PGDATABASE } = process.env
const database = { host: PGHOST, port: Number(PGPORT), user: PGUSER, database: PGDATABASE }
const pool = new pg.Pool({ ...database, max: 10 })
const events = createPubSub()

const EVENT = `select e.position, e.type, e.at, e.data ->> 'note' as note, e.subject_id, t.number, t.status
  from events e join tickets t on t.city_id = e.city_id and t.id = e.subject_id where e.city_id = $1 and e.id = $2`

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    type Ticket { number: String! status: String! }
    type TicketEvent { type: String! at: String! note: String ticket: Ticket! }
    type TicketEventEdge { cursor: String! node: TicketEvent! }
    type Query { hello: String! }
    type Subscription { ticketEvents(id: ID!): TicketEventEdge! }
  `,
  resolvers: {
    Query: { hello: () => 'hello' },
    Subscription: {
      ticketEvents: { subscribe: (_, { id }) => events.subscribe('ticket', id), resolve: (event) => event },
    },
    TicketEventEdge: { cursor: (event) => event.id, node: (event) => event },
    TicketEvent: { at: (event) => event.at.toISOString(), ticket: (event) => event },
  },
})

const yoga = createYoga({ schema, logging: false })
const server = createServer((request, response) => {
  if (request.url === '/collect-garbage') {
    globalThis.gc()
    response.end()
  } else {
    yoga(request, response)
  }
})

useServer(
  {
    execute: (args) => args.rootValue.execute(args),
    subscribe: (args) => args.rootValue.subscribe(args),
    onSubscribe: async (context, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...context,
        req: context.extra.request,
        socket: context.extra.socket,
        params,
      })
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      }
      const errors = validate(args.schema, args.document)
      return errors.length ? errors : args
    },
  },
  new WebSocketServer({ server, path: yoga.graphqlEndpoint }),
)

const listener = new pg.Client(database)
await listener.connect()
listener.on('notification', async ({ payload }) => {
  const [city, id] = payload.split(':')
  const { rows } = await pool.query({ name: 'event', text: EVENT, values: [city, id] })
  for (const row of rows) events.publish('ticket', row.subject_id, { id, ...row })
})
await listener.query('listen live_peer')
server.listen(Number(PORT), '127.0.0.1', 1024)
