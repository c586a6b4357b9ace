import {
  type Compilable,
  type CompiledQuery,
  type Dialect,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'
import type { Database } from '#db/schema'

/** Compiles statements for Postgres, and has no connection. */
export const dialect: Dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
}

/** Builds statements. Only a `CallerDatabase` can run them. */
const builder = new Kysely<Database>({ dialect })

/** A placeholder for a value, until the statement runs. */
class Parameter {
  readonly name: string | symbol

  constructor(name: string | symbol) {
    this.name = name
  }

  /**
   * Code that builds a statement may pass a value on, but not read it. What makes text or a number of
   * a value throws here. A comparison (`===`) or `!value` cannot: it would be decided once for all.
   */
  [Symbol.toPrimitive](): never {
    throw new TypeError(
      `${String(this.name)} has no value yet: a prepared statement is built once.`,
    )
  }
}

const parameters = new Proxy({}, { get: (_, name) => new Parameter(name) })

/**
 * Builds and compiles a statement on its first use, and then only fills in values. Building it
 * takes 13 µs, an eighth of what the service spends on a read.
 *
 * @param write builds the statement from placeholders, which it may only pass on: what the statement
 *   itself depends on is no value of it, but asks for a statement of its own
 */
export function precompile<Values extends object, Row>(
  write: (db: Kysely<Database>, values: Values) => Compilable<Row>,
): (values: Values) => CompiledQuery<Row> {
  let compiled: CompiledQuery<Row> | undefined
  return (values) => {
    compiled ??= write(builder, parameters as Values).compile()
    return { ...compiled, parameters: compiled.parameters.map((part) => fill(part, values)) }
  }
}

function fill(part: unknown, values: object): unknown {
  return part instanceof Parameter ? Reflect.get(values, part.name) : part
}
