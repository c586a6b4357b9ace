import { DatabaseSync } from 'node:sqlite'
import { betterAuth } from 'better-auth'
import { jwt } from 'better-auth/plugins'

export const auth = betterAuth({
  baseURL: process.env.BETTER_AUTH_URL ?? 'http://localhost:3000',
  database: new DatabaseSync('auth.sqlite'),
  // The tables are made after this, by `instrumentation.ts`.
  advanced: { database: { validateSchema: false } },
  emailAndPassword: { enabled: true },
  // Without definePayload a token has the whole user, pictures included.
  plugins: [
    jwt({ jwt: { definePayload: ({ user }) => ({ email: user.email, name: user.name }) } }),
  ],
})
