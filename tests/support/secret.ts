/** The secret of every service that the tests start. It protects nothing. */
export const testSecret = 'a-secret-for-tests-only-0123456789abcdef'
