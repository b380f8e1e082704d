// Passkeys: asks the device of who sits here for its answer, and sends it as a form does.
const { PublicKeyCredential: Key } = window;
const address = /^[\d.]+$|:/.test(location.hostname); // passkeys are for names
const able = Key?.parseCreationOptionsFromJSON && !address;

for (const part of document.querySelectorAll(able ? ".passkey" : ".unable")) part.hidden = false;
for (const button of document.querySelectorAll("[data-passkey]")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (button.type === "button" || button.form.reportValidity()) use(button);
  });
}

async function use(button) {
  const path = button.dataset.passkey, trouble = button.parentElement.querySelector("[role=alert]");
  button.disabled = true;
  trouble.textContent = "";
  try {
    const options = await optionsOf(path);
    send(path, button.form, await (path.endsWith("/login") ? answer(options) : make(options)));
  } catch (error) {
    if (error.name === "403") location.assign(`/auth/again?next=${path}`);
    trouble.textContent = trouble.dataset[error.name.toLowerCase()] ?? trouble.dataset.other;
  }
  button.disabled = false;
}

async function optionsOf(path) {
  const response = await fetch(`${path}/options`, { method: "POST" });
  if (response.ok) return response.json();
  throw Object.assign(new Error(), { name: `${response.status}` });
}

function make(options) {
  return navigator.credentials.create({ publicKey: Key.parseCreationOptionsFromJSON(options) });
}

function answer(options) {
  return navigator.credentials.get({ publicKey: Key.parseRequestOptionsFromJSON(options) });
}

// What stands in the page's form goes along, but for what proves the same in another way.
function send(path, { elements }, credential) {
  const form = Object.assign(document.createElement("form"), { method: "post", action: path });
  const fields = [...elements].filter(({ name, type, checked }) =>
    name && !["password", "email"].includes(type) && (type !== "checkbox" || checked));
  for (const { name, value } of [...fields, { name: "credential", value: JSON.stringify(credential) }])
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  document.body.append(form);
  form.submit();
}
