// A real issuer on loopback with made-up users: node server.mjs PORT REDIRECT_URI
// Whoever types a name at its login is that person; the password is not looked at. Prints "ready" when it answers.
import { generateKeyPairSync } from "node:crypto";
import { Provider } from "oidc-provider";

const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

function key(alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), alg, use: "sig", kid: alg };
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

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
