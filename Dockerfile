# syntax=docker/dockerfile:1

# Production dependencies alone. The optional packages bring a Node for machines that have an older one, and an
# accelerator for SSH that must be compiled: this image needs neither. No package needs its install script.
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATABASE_URL=sqlite:/data/slipway.db \
    SLIPWAY_CONFIG=/config/slipway.yml
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json app.yml slack.yml ./
COPY db ./db
COPY commands ./commands
COPY handlers ./handlers
COPY src ./src
# The database, the master secret and the logs of jobs: keep this folder when the container goes.
RUN install -d -o node -g node -m 0700 /data
VOLUME /data
# The user "node" of the base image, by number, so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/cli/slipway.mjs", "start"]
