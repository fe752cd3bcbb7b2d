"use strict";
(() => {
  const plot = document.getElementById("plot");
  const told = document.getElementById("cursor");
  let points = [], cursor = null;

  const readPoints = () => {
    const holder = document.getElementById("points");
    points = holder ? JSON.parse(holder.textContent || "[]") : [];
  };
  const ago = (seconds) => seconds < 90 ? seconds.toFixed(0) + " s ago" : (seconds / 60).toFixed(1) + " min ago";
  const show = () => {
    if (!told) return;
    if (cursor === null || !points.length) { told.textContent = ""; return; }
    cursor = Math.max(0, Math.min(points.length - 1, cursor));
    const [seconds, size] = points[cursor];
    told.textContent = size.toFixed(1) + " MiB, " + ago(seconds);
  };
  readPoints();
  if (plot) {
    plot.addEventListener("pointermove", (event) => {
      if (!points.length) return;
      const box = plot.getBoundingClientRect();
      const oldest = points[0][0];
      const wanted = oldest * (1 - (event.clientX - box.left) / box.width);
      cursor = 0;
      points.forEach((point, index) => {
        if (Math.abs(point[0] - wanted) < Math.abs(points[cursor][0] - wanted)) cursor = index;
      });
      show();
    });
    plot.addEventListener("pointerleave", () => { cursor = null; show(); });
    plot.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e9, End: 1e9 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      cursor = (cursor === null ? points.length - 1 : cursor) + steps[event.key];
      show();
    });
  }

  if (document.body.dataset.live !== "yes") return;
  const link = document.getElementById("link");
  const source = new EventSource("events");
  source.addEventListener("status", (event) => {
    const parts = JSON.parse(event.data);
    for (const [id, html] of Object.entries(parts)) {
      const place = document.getElementById(id);
      if (place && place.innerHTML !== html) place.innerHTML = html;
    }
    readPoints();
    show();
    link.textContent = "Live, " + new Date().toISOString().slice(11, 19) + " UTC";
  });
  source.onerror = () => { link.textContent = "The connection is lost; trying again."; };
})();
