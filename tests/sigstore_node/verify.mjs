// Verify a bundle with Sigstore's own library for JavaScript: verify.mjs BUNDLE TRUSTED_ROOT IDENTITY ISSUER [ARTIFACT]
import { readFileSync } from 'node:fs';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify';

const [bundlePath, rootPath, identity, issuer, artifact] = process.argv.slice(2);
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
try {
  const material = toTrustMaterial(TrustedRoot.fromJSON(read(rootPath)));
  const bundle = bundleFromJSON(read(bundlePath));
  const entity = artifact ? toSignedEntity(bundle, readFileSync(artifact)) : toSignedEntity(bundle);
  const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 1 });
  const signer = verifier.verify(entity, { subjectAlternativeName: identity, extensions: { issuer } });
  console.log(JSON.stringify(signer.identity));
} catch (error) {
  console.error(`${error.code ?? error.name}: ${error.message}`);
  process.exit(1);
}
