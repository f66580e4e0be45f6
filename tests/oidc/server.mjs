// A real issuer on loopback with made-up users: node server.mjs PORT REDIRECT_URI [GENERATION]
// Whoever types a name at its login is that person; the password is not looked at. It is a build service, too: what is
// posted as JSON to /build/token?audience=index.test becomes the claims of an ID token, as GitHub makes one for a job.
// Each start makes new keys; GENERATION is part of their names. Prints "ready" when it answers.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { Provider } from "oidc-provider";

const [port, redirectUri, generation = ""] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

function key(alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), alg, use: "sig", kid: `${alg}${generation}` };
}

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "customhouse",
      client_secret: "a+secret/with=odd:characters",
      redirect_uris: [redirectUri],
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
    // An ID token is for its client: the index that the build asks a token for.
    {
      client_id: "index.test",
      client_secret: "never used",
      redirect_uris: [redirectUri],
      id_token_signed_response_alg: "ES256",
    },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["made up for a test"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: `${id}-at-issuer`, email: `${id}@issuer.example` }),
  }),
  jwks: { keys: [key("RS256", "rsa", { modulusLength: 2048 }), key("ES256", "ec", { namedCurve: "P-256" })] },
  pkce: { required: () => true, methods: ["S256"] },
});

provider.use(async (context, next) => {
  if (context.path !== "/build/token") return next();
  const pieces = [];
  for await (const piece of context.req) pieces.push(piece);
  const { sub, ...claims } = JSON.parse(Buffer.concat(pieces).toString());
  const client = await provider.Client.find(context.query.audience);
  const token = new provider.IdToken({ sub }, { client });
  token.scope = "openid";
  for (const [name, value] of Object.entries({ jti: randomUUID(), ...claims })) token.set(name, value);
  context.body = { value: await token.issue({ use: "idtoken" }) };
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
