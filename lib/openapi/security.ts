const howToTry = 'To try, `npm run token -- --user alice` in the service’s folder prints one.'

const bearer = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: `The token that Better Auth issued to your user. ${howToTry}`,
}

const bearerOrSession = {
  type: 'http',
  scheme: 'bearer',
  description: `The JWT that Better Auth issued to your user, or its session token. ${howToTry}`,
}

const cookie = (name: string, when: string) => ({
  type: 'apiKey',
  in: 'cookie',
  name,
  description: `Better Auth's signed session token, as its cookie is called ${when}. It counts where there is no \`Authorization: Bearer\`, and only from an \`Origin\` that the service allows.`,
})

/** `components.securitySchemes`, with the session cookie if session tokens are accepted. */
export function securitySchemes(sessionCookie: string | undefined): Record<string, object> {
  if (sessionCookie === undefined) return { bearer }
  return {
    bearer: bearerOrSession,
    sessionCookie: cookie(sessionCookie, 'over HTTP'),
    secureSessionCookie: cookie(`__Secure-${sessionCookie}`, 'over HTTPS'),
  }
}
