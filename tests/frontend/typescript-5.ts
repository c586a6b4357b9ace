/**
 * Gives openapi-typescript the compiler that it is made for, by `node --import`: TypeScript 7 has no
 * programming interface that it could use.
 */
import { registerHooks } from 'node:module'

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'typescript' ? 'typescript-5' : specifier, context),
})
