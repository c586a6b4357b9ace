# The Node host: the route files on plain Node 24, without a build.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /service
COPY package.json package-lock.json .npmrc ./
# PGlite stays away, and so do source maps and what only Next uses: an image is for a database server.
RUN npm ci --omit=dev --omit=optional --ignore-scripts \
  && rm -rf node_modules/next node_modules/@next/swc-* node_modules/@img node_modules/sharp \
    node_modules/@electric-sql node_modules/@typescript node_modules/typescript \
    node_modules/react-dom node_modules/caniuse-lite node_modules/styled-jsx node_modules/@swc \
  && find node_modules -name '*.map' -delete

FROM node:24-bookworm-slim
ENV NODE_ENV=production PORT=8000
WORKDIR /service
COPY --from=dependencies /service/node_modules node_modules
COPY package.json ./
COPY app app
COPY lib lib
COPY db db
COPY server server
COPY scripts/migrate.ts scripts/
COPY tools/adopt tools/adopt
# Everything belongs to root, so the service cannot change its own code.
USER node
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1, so SIGTERM reaches it; npm would keep it to itself.
CMD ["node", "server/main.js"]
