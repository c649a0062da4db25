// Unpacks plotly and the figures from this page, draws them, and follows the reader's theme. Nothing is fetched.
(async () => {
  "use strict";
  const unpacked = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (char) => char.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const script = document.createElement("script");
  script.textContent = await unpacked("plotly");
  document.head.append(script);
  const figures = JSON.parse(await unpacked("figures"));
  const config = {
    responsive: true, displaylogo: false, showSendToCloud: false, showEditInChartStudio: false, plotlyServerURL: "",
    modeBarButtonsToRemove: ["sendDataToCloud", "editInChartStudio", "lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
  };
  const merge = (base, more) => {
    for (const [key, value] of Object.entries(more))
      base[key] = value && typeof value === "object" && !Array.isArray(value) ? merge(base[key] || {}, value) : value;
    return base;
  };
  const themed = (figure, width) => {
    const style = getComputedStyle(document.documentElement);
    const [ink, line] = ["--ink", "--line"].map((name) => style.getPropertyValue(name).trim());
    const narrow = width < 600;
    const layout = {
      font: { family: "system-ui, sans-serif", size: narrow ? 11 : 13, color: ink }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: narrow ? 46 : 64, r: 14, t: 64, b: 64 }, hovermode: "closest", dragmode: narrow ? false : "zoom",
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1, yref: "container", yanchor: "top", tracegroupgap: 0 },
      hoverlabel: { font: { size: 12 } }, modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink },
    };
    const wanted = merge(layout, structuredClone(figure.layout));
    const entries = figure.data.filter((trace) => trace.showlegend !== false).length;
    const more = entries < 2 ? 0 : 20 * (Math.ceil(entries / (narrow ? 2 : 6)) - 1); // rows of the legend beyond the first
    wanted.height += more;
    wanted.margin.t += more;
    for (const key of Object.keys(wanted).concat("xaxis", "yaxis"))
      if (/^[xy]axis\d*$/.test(key)) wanted[key] = merge({ gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, automargin: true, title: { font: { size: narrow ? 11 : 13 }, standoff: 8 } }, wanted[key] || {});
    return wanted;
  };
  const example = document.getElementById("example");
  const examples = example ? JSON.parse(await unpacked("examples")) : [];
  let current = example ? Number(example.dataset.first) : 0;
  const show = (key) => {
    current = (key + examples.length) % examples.length;
    example.querySelector(".shown").innerHTML = examples[current];
  };
  const pick = (event) => {
    const key = event.points.map((point) => point.customdata).find((each) => Number.isInteger(each));
    if (key !== undefined && example) show(key);
  };
  for (const button of example ? example.querySelectorAll("button") : []) {
    button.hidden = false;
    button.addEventListener("click", () => show(current + Number(button.dataset.step)));
  }
  const draw = () => {
    for (const place of document.querySelectorAll("[data-figure]")) {
      if (place.closest("details:not([open])")) continue; // drawn when it is unfolded
      const figure = figures[place.dataset.figure];
      if (!place.dataset.drawn) place.replaceChildren();
      Plotly.react(place, structuredClone(figure.data), themed(figure, place.clientWidth), { ...config, displayModeBar: place.clientWidth < 600 ? false : "hover" });
      if (!place.dataset.drawn) place.on("plotly_click", pick);
      place.dataset.drawn = "yes";
    }
  };
  const folds = [...document.querySelectorAll("section > details")];
  const setAll = (open) => { for (const fold of folds) fold.open = open; };
  const reveal = () => {
    const aim = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!aim) return;
    for (const fold of folds) if (fold.parentElement === aim || fold.contains(aim)) fold.open = true;
    aim.scrollIntoView();
  };
  const drawnLater = (event) => { if (event.target.open && event.target.querySelector("[data-figure]:not([data-drawn])")) draw(); };
  document.addEventListener("toggle", drawnLater, true);
  addEventListener("hashchange", reveal);
  document.querySelector("nav")?.addEventListener("click", (event) => { if (event.target.hash === location.hash) reveal(); });
  const unfold = document.getElementById("unfold");
  if (unfold) {
    unfold.hidden = false;
    unfold.addEventListener("click", () => setAll(folds.some((fold) => !fold.open)));
  }
  draw();
  reveal();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", () => {
    setAll(true);
    draw();
    document.querySelectorAll("[data-drawn]").forEach((place) => Plotly.Plots.resize(place));
  });
  document.documentElement.dataset.ready = "yes";
})();
