// Speaks to security keys and passkeys, because browsers let nothing but a script do that (WebAuthn).
// A form with data-key="PURPOSE" is shown once this runs. Sending it asks the index for options, the key for an answer,
// and sends the answer in the form's field of that name. data-about names what the key is to sign, if anything. Nothing else on any page of the index runs a script.
"use strict";

const bytesOf = text => Uint8Array.from(
  atob(text.replace(/-/g, "+").replace(/_/g, "/")), character => character.charCodeAt(0),
);

const textOf = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const withBytes = list => (list || []).map(one => ({ ...one, id: bytesOf(one.id) }));

async function ask(purpose, about) {
  const query = new URLSearchParams(about ? { purpose, about } : { purpose });
  const sent = await fetch(`/account/keys/options/?${query}`, { headers: { accept: "application/json" } });
  if (!sent.ok) throw new Error("The index gives out no challenge now. Load the page again.");
  const options = await sent.json();
  options.challenge = bytesOf(options.challenge);
  if (!purpose.startsWith("add-")) {
    options.allowCredentials = withBytes(options.allowCredentials);
    return navigator.credentials.get({ publicKey: options });
  }
  options.user.id = bytesOf(options.user.id);
  options.excludeCredentials = withBytes(options.excludeCredentials);
  return navigator.credentials.create({ publicKey: options });
}

function written(credential) {
  const response = { clientDataJSON: textOf(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    const value = credential.response[name];
    if (value && value.byteLength) response[name] = textOf(value);
  }
  return JSON.stringify({
    id: credential.id, rawId: textOf(credential.rawId), type: credential.type, response,
  });
}

function say(form, text) {
  const place = form.querySelector("[data-key-says]");
  place.textContent = text;
  place.hidden = !text;
}

async function send(form, event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say(form, "");
  try {
    form.elements.answer.value = written(await ask(form.dataset.key, form.dataset.about));
    form.submit();
  } catch (error) {
    const refused = error instanceof DOMException;
    const words = { NotAllowedError: "The key gave no answer, or you have called it off.",
      InvalidStateError: "This key is registered already." };
    say(form, refused ? words[error.name] || `The browser refuses: ${error.message}` : error.message);
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form[data-key]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  form.addEventListener("submit", event => send(form, event));
}
