// PostGraphile 5 over the product's tables: as the application role, told its cities with every request.
// Environment: PORT, DATABASE_URL (logs in as the application role), CITIES, USER_ID.

import { createServer } from "node:http";
import { PgSimplifyInflectionPreset } from "@graphile/simplify-inflection";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { TYPES } from "postgraphile/@dataplan/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { addPgTableCondition, extendSchema, gql, jsonPgSmartTags } from "postgraphile/utils";
import { sql } from "postgraphile/pg-sql2";

const { PORT, DATABASE_URL, CITIES, USER_ID } = process.env;
const settings = { role: "yingshang_app", "app.cities": CITIES, "app.user": USER_ID };

// What the database does not say: whose events they are, and by which columns lists are put in order.
const tags = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      "public.events": {
        tags: { foreignKey: "(city_id, subject_id) references tickets (city_id, id)|@foreignFieldName events" },
        attribute: { seq: { tags: { behavior: "+orderBy" } } },
      },
      "public.tickets": {
        attribute: {
          submitted_at: { tags: { behavior: "+orderBy" } },
          id: { tags: { behavior: "+orderBy" } },
        },
      },
    },
  },
});

const note = extendSchema(() => ({
  typeDefs: gql`
    extend type Event {
      note: String
    }
  `,
  objects: { Event: { plans: { note: ($event) => $event.select(sql`${$event}.data ->> 'note'`, TYPES.text) } } },
}));

const visible = addPgTableCondition({ schemaName: "public", tableName: "tickets" }, "restricted", (build) => ({
  type: build.graphql.GraphQLBoolean,
  apply($condition, value) {
    $condition.where(sql`${$condition}.secrecy ${value ? sql`=` : sql`<>`} 'RESTRICTED'`);
  },
}));

const preset = {
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset],
  plugins: [tags, note, visible],
  pgServices: [makePgService({ connectionString: DATABASE_URL, schemas: ["public", "peer"], pubsub: false, max: 10 })],
  schema: { dontSwallowErrors: true },
  grafast: { context: () => ({ pgSettings: settings }) },
  grafserv: { port: Number(PORT), host: "127.0.0.1", graphiql: false, watch: false },
};

const server = createServer();
const serving = postgraphile(preset).createServ(grafserv);
await serving.addTo(server);
await serving.getSchema?.();
server.listen(Number(PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
