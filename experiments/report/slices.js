"use strict";
// Three planes on plain canvas, for browsers without WebGL2: same volumes, same color maps.
var oncotwinSlices = (function () {
  const PLANES = [
    { name: "axial", across: 0, up: 1, through: 2, marks: ["R", "L", "A", "P"] },
    { name: "coronal", across: 0, up: 2, through: 1, marks: ["R", "L", "S", "I"] },
    { name: "sagittal", across: 1, up: 2, through: 0, marks: ["A", "P", "S", "I"] },
  ];

  async function decode(volume) {
    const bytes = Uint8Array.from(atob(volume.content), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const buffer = await new Response(stream).arrayBuffer();
    const view = new DataView(buffer);
    const shape = [1, 2, 3].map((i) => view.getInt16(40 + 2 * i, true));
    const spacing = [1, 2, 3].map((i) => view.getFloat32(76 + 4 * i, true));
    return { shape, spacing, data: new Uint8Array(buffer, view.getFloat32(108, true)) };
  }

  function color(anchors, level) {
    let i = 1;
    while (anchors[i][0] < level) i += 1;
    const [a, b] = [anchors[i - 1], anchors[i]];
    const share = (level - a[0]) / (b[0] - a[0]);
    return [1, 2, 3, 4].map((c) => a[c] + share * (b[c] - a[c]));
  }

  function paint(canvas, plane, index, layers) {
    const { shape, spacing } = layers.base;
    const [w, h] = [shape[plane.across], shape[plane.up]];
    const at = (x, y) => {
      const place = [0, 0, 0];
      place[plane.through] = index;
      place[plane.up] = h - 1 - y;
      // R and A stand on the left of the picture
      place[plane.across] = w - 1 - x;
      return place[0] + shape[0] * (place[1] + shape[1] * place[2]);
    };
    const scale = 4;
    const high = Math.max(1, Math.round((scale * h * spacing[plane.up]) / spacing[plane.across]));
    canvas.width = w * scale;
    canvas.height = high;
    const small = new ImageData(w, h);
    for (let y = 0; y < h; y += 1) {
      for (let x = 0; x < w; x += 1) {
        const k = at(x, y);
        let rgb = [0, 0, 0].fill(layers.base.data[k]);
        if (layers.overlay && layers.overlay.data[k] > 0) {
          const over = color(layers.map, layers.overlay.data[k]);
          const share = (layers.opacity * over[3]) / 255;
          rgb = rgb.map((v, c) => v * (1 - share) + over[c] * share);
        }
        small.data.set([...rgb, 255], 4 * (x + w * y));
      }
    }
    const pen = canvas.getContext("2d");
    const buffer = document.createElement("canvas");
    buffer.width = w;
    buffer.height = h;
    buffer.getContext("2d").putImageData(small, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(buffer, 0, 0, canvas.width, high);
    if (!layers.outline) return;
    const inside = (x, y) =>
      x >= 0 && y >= 0 && x < w && y < h && layers.outline.data[at(x, y)] > 0;
    const dy = high / h;
    pen.beginPath();
    for (let y = 0; y <= h; y += 1) {
      for (let x = 0; x <= w; x += 1) {
        if (inside(x, y) !== inside(x - 1, y)) {
          pen.moveTo(x * scale, y * dy);
          pen.lineTo(x * scale, (y + 1) * dy);
        }
        if (inside(x, y) !== inside(x, y - 1)) {
          pen.moveTo(x * scale, y * dy);
          pen.lineTo((x + 1) * scale, y * dy);
        }
      }
    }
    for (const [style, width] of [["#000", 4], ["#ff9d2e", 2]]) {
      pen.strokeStyle = style;
      pen.lineWidth = width;
      pen.stroke();
    }
  }

  function element(tag, parent, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  }

  function build(box) {
    const views = PLANES.map((plane) => {
      const slice = element("div", box, "slice");
      const frame = element("div", slice, "frame");
      const canvas = element("canvas", frame);
      ["left", "right", "top", "bottom"].forEach((side, i) =>
        element("span", frame, "mark " + side, plane.marks[i]),
      );
      const label = element("label", slice, "", plane.name + " slice ");
      const slider = element("input", label);
      slider.type = "range";
      slider.min = 0;
      return { plane, canvas, slider, placed: false };
    });
    let layers = null;
    const draw = () => {
      for (const view of views) paint(view.canvas, view.plane, Number(view.slider.value), layers);
    };
    for (const view of views) view.slider.addEventListener("input", draw);
    return {
      show(next, center) {
        layers = next;
        for (const view of views) {
          view.slider.max = layers.base.shape[view.plane.through] - 1;
          if (!view.placed) view.slider.value = Math.round(center[view.plane.through]);
          view.placed = true;
        }
        draw();
      },
    };
  }

  return { decode, build };
})();
