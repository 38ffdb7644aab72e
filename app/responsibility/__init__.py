"""Who is competent for what: the responsibility list (部门职责清单) of each city, and what dispatches have taught."""
