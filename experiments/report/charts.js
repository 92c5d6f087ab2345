"use strict";
// Draws the figures that the page carries as plotly descriptions.
(function () {
  const figures = JSON.parse(document.getElementById("figure-data").textContent);
  const config = {
    responsive: true,
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  const drawn = [];
  for (const box of document.querySelectorAll("[data-chart]")) {
    const figure = figures[box.dataset.chart];
    if (figure) drawn.push(Plotly.newPlot(box, figure.data, figure.layout, config));
  }
  Promise.all(drawn).then(() => document.body.setAttribute("data-charts", String(drawn.length)));
})();
