// The slider of /policy/: shows one of the four levels that the page already holds, and marks it in the picture. A file
// that is chosen is put into the text, so that it is sent like what was pasted. Nothing is asked of anybody.
"use strict";

const panels = [...document.querySelectorAll(".level-panel")];
const drawn = [...document.querySelectorAll("#drawn .level")];
const slider = document.getElementById("slider");

function show(number) {
  const name = panels[number].dataset.level;
  for (const panel of panels) panel.hidden = panel.dataset.level !== name;
  for (const column of drawn) column.classList.toggle("chosen", column.dataset.level === name);
  slider.value = String(number);
  slider.setAttribute("aria-valuetext", name);
  document.getElementById("level-name").textContent = name;
}

if (slider && panels.length) {
  slider.closest(".slide").hidden = false;
  slider.addEventListener("input", () => show(Number(slider.value)));
  for (const [number, column] of drawn.entries()) column.addEventListener("click", () => show(number));
  show(panels.findIndex(panel => panel.dataset.level === "balanced"));
}

const chosen = document.getElementById("file");
if (chosen) {
  chosen.closest(".from-file").hidden = false;
  chosen.addEventListener("change", async () => {
    if (chosen.files.length) document.getElementById("lock").value = await chosen.files[0].text();
  });
}
