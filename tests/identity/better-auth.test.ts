import {
  jwtPlugin,
  ownRoute,
  sessionBearer,
  sessionCookie,
  testJourneys,
} from '#tests/identity/journeys'

/** Every kind of credentials; see `signing-keys` for the other keys. */
testJourneys({
  'the jwt plugin as it comes (EdDSA)': {
    ...{ tables: 'user', ids: 'text', first: 'issuer', credentials: jwtPlugin },
  },
  'HS256 minted by a route': {
    ...{ tables: 'user', ids: 'uuid', first: 'service', credentials: ownRoute },
  },
  'session tokens as Bearer': {
    ...{ tables: 'users', ids: 'text', first: 'issuer', credentials: sessionBearer },
  },
  // With session tokens the service starts only where the sessions are.
  'session tokens as cookie': {
    ...{ tables: 'user', ids: 'text', first: 'issuer', credentials: sessionCookie },
  },
})
