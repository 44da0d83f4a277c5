// Shows the case that is chosen, and the lines one by one when the pointer is on them. The page is whole without it.
"use strict";
const sections = [...document.querySelectorAll("section")];
const chooser = document.querySelector("select");
if (chooser) {
  const show = () => sections.forEach((one) => { one.hidden = one.id !== chooser.value; });
  chooser.addEventListener("change", show);
  show();
}
for (const plot of document.querySelectorAll(".plot")) {
  const lines = [...plot.querySelectorAll("polyline, .label, .leader")];
  for (const line of lines) {
    line.addEventListener("pointerenter", () => {
      const colour = [...line.classList].find((name) => /^(c\d|quiet)$/.test(name));
      lines.forEach((other) => { other.style.opacity = other.classList.contains(colour) ? 1 : 0.15; });
    });
    line.addEventListener("pointerleave", () => lines.forEach((other) => { other.style.opacity = ""; }));
  }
}
