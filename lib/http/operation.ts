import type * as z from 'zod'
import type { Caller } from '#db/caller'
import type { Environment } from '#lib/config/env'
import type { ProblemCode } from '#lib/http/errors'
import type { Params } from '#lib/http/request-context'
import type { HeaderName } from '#lib/http/response-headers'

/** What an input is read from. */
export interface InputSource {
  readonly request: Request
  readonly url: URL
  readonly params: Params
  readonly caller: Caller
}

/** One input of an operation: how to read and validate it, and how the API document shows it. */
export interface Input<Value> {
  /** @throws Problem with one of the codes in `problems` */
  readonly read: (source: InputSource) => Value | Promise<Value>
  readonly problems: readonly ProblemCode[]
  readonly query?: z.ZodType
  readonly parameters?: readonly Parameter[]
  readonly body?: BySettings<BodyDescription>
}

/** A path parameter or a header, which the API document has as a component with this name. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'header'
  readonly required?: true
  readonly description: string
  readonly schema: object
  readonly example?: string
}

/** The body of a request in the API document, under the name of its schema. */
export interface BodyDescription {
  readonly name: string
  readonly required: boolean
  readonly schema: z.ZodType
  readonly examples: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>
}

/** The description of an answer of 2xx or 3xx. */
export interface AnswerDescription {
  readonly description: string
  readonly headers?: readonly HeaderName[]
  readonly body?: BySettings<Content>
}

/** The body of an answer in the API document: JSON unless it has another type. */
export interface Content {
  readonly type?: string
  /** With a name, the schema is a component of the document. Without one, it stands inline. */
  readonly name?: string
  readonly schema: z.ZodType
  readonly example?: unknown
}

/** The settings that change what requests and answers look like. */
export type ContractSettings = Pick<
  Environment,
  'LIST_ENVELOPE' | 'COMPLETION_FIELD' | 'DELETE_ANSWER'
>

/** A part of a declaration, which may depend on settings. */
export type BySettings<Part> = Part | ((settings: ContractSettings) => Part)

/** The part of a declaration as it is with these settings. */
export function settle<Part extends object>(
  part: BySettings<Part>,
  settings: ContractSettings,
): Part {
  return isBySettings(part) ? part(settings) : part
}

function isBySettings<Part extends object>(
  part: BySettings<Part>,
): part is (settings: ContractSettings) => Part {
  return typeof part === 'function'
}

/** What the document says of a body whose schema and examples may depend on settings. */
export function describeBody(
  { name, required }: Pick<BodyDescription, 'name' | 'required'>,
  schema: BySettings<z.ZodType>,
  examples: BySettings<BodyDescription['examples']>,
): BySettings<BodyDescription> {
  return (settings) => ({
    ...{ name, required },
    schema: settle(schema, settings),
    examples: settle(examples, settings),
  })
}

export type Inputs = Readonly<Record<string, Input<unknown>>>

/**
 * The declaration of an operation. `withAuth` reads the inputs of a handler by it, and the API
 * document is built from it.
 */
export interface Operation<Taken extends Inputs = Inputs> {
  /** Unique in the API document. Generators of clients name functions after it. */
  readonly id: string
  readonly tag: string
  readonly summary: string
  readonly description?: string
  /** They are read in this order. The first that fails decides the answer. */
  readonly inputs: Taken
  readonly answers: BySettings<Readonly<Record<number, AnswerDescription>>>
  readonly parameters?: readonly Parameter[]
  /** The errors that it can have besides those of its inputs. */
  readonly problems?: readonly ProblemCode[]
  /** Whether it takes no credentials. */
  readonly isPublic?: boolean
}

/** The values of the inputs, by the names in the declaration. */
export type ValuesOf<Taken extends Inputs> = {
  readonly [Name in keyof Taken]: Taken[Name] extends Input<infer Value> ? Value : never
}
