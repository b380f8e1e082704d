// Shows the greeting on the page; without this script the form just goes to /hello.
const form = document.querySelector(".hello");
const answer = form.querySelector("output");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const response = await fetch(`${form.action}?${new URLSearchParams(new FormData(form))}`);
    if (!response.ok) throw new Error(response.status);
    answer.textContent = (await response.json()).message;
  } catch {
    answer.textContent = answer.dataset.failed;
  }
});
