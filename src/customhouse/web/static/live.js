// Keeps the page of a release run as it is now: asks where its journal ends, and loads the page again when that has
// moved. Whoever is writing something is not disturbed. Without this script the page is loaded again by hand.
"use strict";

const EVERY_MILLISECONDS = 3000;
const live = document.querySelector("[data-live]");

async function look() {
  if (document.hidden || document.activeElement?.form) return;
  const sent = await fetch(live.dataset.live, { headers: { accept: "application/json" } });
  if (!sent.ok) return;
  const { seq } = await sent.json();
  if (String(seq) !== live.dataset.seq) location.reload();
}

if (live) setInterval(() => look().catch(() => {}), EVERY_MILLISECONDS);
