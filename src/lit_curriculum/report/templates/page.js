"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // ---- filters
  const filters = { paper: byId("by-paper"), status: byId("by-status"), scale: byId("by-scale") };
  const meets = (element, name) => {
    const wanted = filters[name].value;
    return !wanted || (element.dataset[name] ?? "").split(" ").includes(wanted);
  };
  const show = (element, visible) => { element.hidden = !visible; return visible; };
  const said = (visible, of, one) => `${visible} of ${of} ${one}`;

  function filter() {
    const rows = all("tr.row"), results = all(".result"), claims = all("tr.claim");
    const shownRows = rows.filter((row) => show(row, ["paper", "status", "scale"].every((n) => meets(row, n))));
    const shownResults = results.filter((r) => show(r, ["paper", "status", "scale"].every((n) => meets(r, n))));
    const shownClaims = claims.filter((c) => show(c, meets(c, "status")) && !c.closest(".result").hidden);
    for (const head of all("tr.paper")) {
      show(head, shownRows.some((row) => row.dataset.paper === head.dataset.paper));
    }
    for (const head of all("h3[id]")) {
      show(head, shownResults.some((r) => `paper-${r.dataset.paper}` === head.id));
    }
    byId("shown").textContent = [
      said(shownRows.length, rows.length, "rows"),
      said(shownResults.length, results.length, "results"),
      said(shownClaims.length, claims.length, "claims"),
    ].join(", ");
  }
  for (const select of Object.values(filters)) select.addEventListener("change", filter);
  byId("reset").addEventListener("click", () => {
    for (const select of Object.values(filters)) select.value = "";
    filter();
  });
  // A link leads to its result also where the filters hide that.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && byId(link.getAttribute("href").slice(1));
    if (target && target.hidden) byId("reset").click();
  });
  document.querySelector(".filters").hidden = false;
  filter();

  // ---- commands to copy
  for (const button of all(".copy")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  // ---- values to hover over
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a", "#b5a300"];
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  let plotly = null;

  function library() {
    // Five megabytes: compiled when the first chart is opened, so that the page is there at once.
    if (!plotly) {
      const script = document.createElement("script");
      script.textContent = byId("plotly").textContent;
      document.head.append(script);
      plotly = window.Plotly;
    }
    return plotly;
  }

  const conditions = (chart) => [...new Set(chart.curves.map((curve) => curve.name))];

  function traces(chart) {
    return conditions(chart).map((name, i) => {
      const trace = { name, x: [], y: [], customdata: [] };
      let longest = 0;
      for (const curve of chart.curves.filter((c) => c.name === name)) {
        longest = Math.max(longest, curve.x.length);
        // Seeds are one trace with gaps between them.
        trace.x.push(...curve.x, null);
        trace.y.push(...curve.y, null);
        trace.customdata.push(...curve.x.map(() => curve.seed), null);
      }
      return {
        ...trace,
        type: "scatter",
        mode: longest > 40 ? "lines" : longest > 1 ? "lines+markers" : "markers",
        line: { color: COLOURS[i % COLOURS.length], dash: DASHES[Math.floor(i / COLOURS.length) % DASHES.length], width: 1.5 },
        marker: { color: COLOURS[i % COLOURS.length], size: 5 },
        hovertemplate: `${chart.x} %{x}: %{y}<br>%{fullData.name}, seed %{customdata}<extra></extra>`,
      };
    });
  }

  // Below the curves, as many lines as its names need at this width.
  function legendHeight(chart, width) {
    const names = conditions(chart);
    const longest = Math.max(...names.map((name) => name.length));
    return 20 * Math.ceil(names.length / Math.max(1, Math.floor(width / (longest * 7.5 + 60)))) + 20;
  }

  function layout(chart, width) {
    const style = getComputedStyle(document.body);
    const legend = legendHeight(chart, width);
    const grid = style.getPropertyValue("--line");
    const axis = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, automargin: true };
    return {
      font: { color: style.color, family: style.fontFamily, size: 13 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      height: 380 + legend,
      margin: { l: 50, r: 10, t: 30, b: 60 + legend },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: style.getPropertyValue("--soft"), activecolor: style.color },
      hovermode: "closest",
      showlegend: true,
      legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom" },
      xaxis: { ...axis, title: { text: chart.x }, rangemode: "tozero" },
      yaxis: { ...axis, title: { text: chart.metric } },
    };
  }

  function lastValues(chart) {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const text of ["condition", "seeds", `last ${chart.x}`, "mean of last values", "from", "to"]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = text;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const name of conditions(chart)) {
      const curves = chart.curves.filter((curve) => curve.name === name);
      const last = curves.map((curve) => curve.y.at(-1));
      const mean = last.reduce((sum, value) => sum + value, 0) / last.length;
      const row = body.insertRow();
      const cells = [name, curves.length, Math.max(...curves.map((c) => c.x.at(-1))), mean, Math.min(...last), Math.max(...last)];
      cells.forEach((value, i) => {
        row.insertCell().textContent = i < 3 ? value : Number(value.toPrecision(4));
      });
    }
    return table;
  }

  function draw(details) {
    const charts = JSON.parse(details.querySelector("script").textContent);
    const place = details.querySelector(".chart");
    const choose = document.createElement("div"), plot = document.createElement("div"), last = document.createElement("details");
    choose.className = "choose";
    plot.className = "plot";
    const label = document.createElement("label"), select = document.createElement("select");
    label.append("Metric ", select);
    charts.forEach((chart, i) => select.add(new Option(chart.metric, String(i))));
    choose.append(label);
    const summary = document.createElement("summary");
    summary.textContent = "Last values as a table";
    place.append(choose, plot, last);
    const update = () => {
      const chart = charts[Number(select.value)];
      library().react(plot, traces(chart), layout(chart, plot.clientWidth), { responsive: true, displaylogo: false });
      last.replaceChildren(summary, lastValues(chart));
    };
    select.addEventListener("change", update);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
    update();
  }
  for (const details of all("details.values")) {
    details.addEventListener("toggle", () => {
      if (details.open && !details.dataset.drawn) {
        details.dataset.drawn = "yes";
        draw(details);
      }
    });
  }
})();
