import {
  type Compilable,
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'
import type { Database } from '#db/schema'

/** Builds statements. It has no connection: whoever wants one run needs a `CallerDatabase`. */
const builder = new Kysely<Database>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

/** Stands for a value until the statement runs. */
class Parameter {
  readonly name: string | symbol

  constructor(name: string | symbol) {
    this.name = name
  }

  /** A statement that is built once can pass a value on, and cannot look at it. */
  [Symbol.toPrimitive](): never {
    throw new TypeError(
      `${String(this.name)} has no value yet: a prepared statement is built once.`,
    )
  }
}

const parameters = new Proxy({}, { get: (_, name) => new Parameter(name) })

/**
 * A statement that is built and compiled on its first use, and from then on only filled with values:
 * building it anew takes 13 µs, an eighth of what the service spends on a read.
 *
 * @param write builds it; the values that it is given stand for those of each run, and may only be
 *   passed on to the statement
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
