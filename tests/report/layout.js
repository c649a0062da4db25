// What a reader would stumble on: called with the marks of data, returns a list of sentences.
const [marks] = arguments;
const found = [];
const say = (chart, text) => found.push(`${chart}: ${text}`);

// The corners of a text as it is drawn, turned labels too.
const corners = (text) => {
  const box = text.getBBox(), matrix = text.getScreenCTM();
  return [[0, 0], [1, 0], [1, 1], [0, 1]].map(([x, y]) => new DOMPoint(box.x + x * box.width, box.y + y * box.height).matrixTransform(matrix));
};
// Whether two convex shapes share more than a pixel: no line along an edge of either parts them.
const overlap = (one, other) => ![one, other].some((shape) => shape.some((point, i) => {
  const next = shape[(i + 1) % 4], length = Math.hypot(next.x - point.x, next.y - point.y);
  if (!length) return false;
  const [nx, ny] = [(next.y - point.y) / length, (point.x - next.x) / length];
  const [a, b] = [one, other].map((each) => each.map((p) => p.x * nx + p.y * ny));
  return Math.min(Math.max(...a), Math.max(...b)) - Math.max(Math.min(...a), Math.min(...b)) <= 1.5;
}));
const inside = (box, frame, slack) => box.left >= frame.left - slack && box.right <= frame.right + slack && box.top >= frame.top - slack && box.bottom <= frame.bottom + slack;

for (const chart of document.querySelectorAll("[data-figure]")) {
  const name = chart.dataset.figure, frame = chart.getBoundingClientRect();
  if (!chart.checkVisibility()) continue;
  if (!chart.querySelector(marks)) say(name, "empty");
  const texts = [...chart.querySelectorAll("svg text")].filter((text) => text.textContent.trim() && text.checkVisibility({ opacityProperty: true, visibilityProperty: true }));
  const shapes = texts.map(corners);
  texts.forEach((text, i) => {
    if (!inside(text.getBoundingClientRect(), frame, 2)) say(name, `cut: ${text.textContent}`);
    for (let j = i + 1; j < texts.length; j++)
      if (overlap(shapes[i], shapes[j])) say(name, `overlap: ${text.textContent} / ${texts[j].textContent}`);
  });
  // Panels: data in each, and bars of errors within.
  for (const key of Object.keys(chart.layout).filter((each) => /^yaxis\d*$/.test(each))) {
    const id = key.replace("axis", "");
    if (!chart.data.some((trace) => (trace.yaxis || "y") === id && (trace.y || trace.x || trace.z || []).some((each) => each !== null))) say(name, `empty panel ${id}`);
  }
  for (const [id, { plot, xaxis, yaxis }] of Object.entries(chart._fullLayout._plots || {})) {
    const origin = chart.querySelector(".main-svg").getBoundingClientRect();
    const [left, top] = [origin.left + xaxis._offset, origin.top + yaxis._offset];
    const area = { left, top, right: left + xaxis._length, bottom: top + yaxis._length };
    const drawn = [...plot.node().querySelectorAll(marks)].map((each) => each.getBoundingClientRect());
    if (!drawn.some((each) => each.right >= area.left && each.left <= area.right && each.bottom >= area.top && each.top <= area.bottom)) say(name, `nothing in sight in panel ${id}`);
    for (const bar of plot.node().querySelectorAll(".errorbar path")) {
      const each = bar.getBoundingClientRect();
      if ((each.width || each.height) && !inside(each, area, 3)) { say(name, `error bar leaves its panel ${id}`); break; }
    }
  }
}
// Text of the page that does not fit into its place, where it cannot be scrolled to.
for (const each of document.querySelectorAll("main *")) {
  if (each.closest("svg, .wide, pre, nav, .js-plotly-plot") || !each.checkVisibility()) continue;
  const style = getComputedStyle(each);
  if (style.overflowX !== "visible" && style.overflowX !== "auto" && style.overflowX !== "scroll" && each.scrollWidth > each.clientWidth + 1) say(each.tagName, `cut: ${each.textContent.slice(0, 40)}`);
  if (each.getBoundingClientRect().right > document.documentElement.clientWidth + 1) say(each.tagName, `beyond the window: ${each.textContent.slice(0, 40)}`);
}
if (document.documentElement.scrollWidth > document.documentElement.clientWidth) say("page", "wider than the window");
return found;
