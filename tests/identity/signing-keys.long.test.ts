import { jwtPlugin, testJourneys } from '#tests/identity/journeys'

/** Every way to sign with the jwt plugin, and every way to lay out the database in either order. */
testJourneys({
  'RS256 keys': {
    keys: { alg: 'RS256' },
    ...{ tables: 'users', ids: 'text', first: 'service', credentials: jwtPlugin },
  },
  'ES256 keys': {
    keys: { alg: 'ES256' },
    ...{ tables: 'user', ids: 'uuid', first: 'issuer', credentials: jwtPlugin },
  },
  'ES512 keys': {
    keys: { alg: 'ES512' },
    ...{ tables: 'users', ids: 'uuid', first: 'service', credentials: jwtPlugin },
  },
  'PS256 keys': {
    keys: { alg: 'PS256' },
    ...{ tables: 'user', ids: 'text', first: 'service', credentials: jwtPlugin },
  },
  'HS256 by custom sign': {
    keys: 'secret',
    ...{ tables: 'users', ids: 'uuid', first: 'issuer', credentials: jwtPlugin },
  },
})
