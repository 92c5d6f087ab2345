"use strict";
// Scan viewer: niivue where WebGL2 works, otherwise three planes on plain canvas.
(function () {
  const carried = JSON.parse(document.getElementById("volume-data").textContent);
  const form = document.getElementById("scan-controls");
  if (!carried || !form || !form.elements.base) return;
  const canvas = document.getElementById("scan-canvas");
  const box = document.getElementById("scan-slices");
  const status = document.getElementById("scan-status");
  const volumes = carried.volumes;
  const byKey = Object.fromEntries(volumes.map((volume) => [volume.key, volume]));

  function chosen() {
    const value = (name) => (form.elements[name] ? form.elements[name].value : "none");
    const kind = value("overlay");
    return {
      base: byKey[value("base")],
      overlay: volumes.find((v) => v.kind === kind && (!v.visit || v.visit === value("visit"))),
      outline: byKey[value("outline")],
      opacity: Number(form.elements.opacity.value) / 100,
      clip: Number(form.elements.clip.value) / 100,
      mode: value("mode"),
    };
  }

  function format(value) {
    return Number(value.toPrecision(3)).toString();
  }

  function bar(target, volume, anchors) {
    target.replaceChildren();
    if (!volume) return;
    const title = document.createElement("div");
    const unit = volume.unit ? " (" + volume.unit + ")" : "";
    title.textContent = volume.label + (volume.visit ? ", " + volume.visit : "") + unit;
    const ramp = document.createElement("div");
    ramp.className = "ramp";
    const stops = anchors.map(([at, r, g, b]) => `rgb(${r},${g},${b}) ${(at / 2.55).toFixed(1)}%`);
    ramp.style.background = "linear-gradient(to right," + stops.join(",") + ")";
    const ends = document.createElement("div");
    ends.className = "ends";
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const tick = document.createElement("span");
      tick.textContent = format(volume.low + share * (volume.high - volume.low));
      ends.append(tick);
    }
    target.append(title, ramp, ends);
  }

  function describe(view) {
    const gray = [[0, 0, 0, 0], [255, 255, 255, 255]];
    bar(document.getElementById("bar-base"), view.base, gray);
    const overlay = view.overlay;
    bar(document.getElementById("bar-overlay"), overlay, overlay && carried.maps[overlay.kind]);
  }

  // Center of the first mask, in voxels; the middle of the grid where there is none.
  async function center() {
    const mask = volumes.find((volume) => volume.kind === "mask");
    const image = await oncotwinSlices.decode(mask || volumes[0]);
    const sum = [0, 0, 0];
    let count = 0;
    const [nx, ny, nz] = image.shape;
    for (let k = 0; mask && k < nx * ny * nz; k += 1) {
      if (image.data[k] === 0) continue;
      sum[0] += k % nx;
      sum[1] += Math.floor(k / nx) % ny;
      sum[2] += Math.floor(k / (nx * ny));
      count += 1;
    }
    const voxel = count ? sum.map((v) => v / count) : image.shape.map((n) => n / 2);
    return { voxel, share: voxel.map((v, i) => (v + 0.5) / image.shape[i]) };
  }

  async function startCanvas() {
    canvas.hidden = true;
    box.hidden = false;
    box.parentElement.classList.remove("gl");
    for (const name of ["mode", "clip"]) {
      const field = form.elements[name];
      (field.length ? field[0] : field).closest("fieldset").hidden = true;
    }
    status.textContent = 
      "This browser has no WebGL2: plain slices with sliders are shown, without the 3-D view.";
    const views = oncotwinSlices.build(box);
    const images = new Map();
    const load = async (volume) => {
      if (volume && !images.has(volume.key)) {
        images.set(volume.key, await oncotwinSlices.decode(volume));
      }
      return volume && images.get(volume.key);
    };
    const middle = (await center()).voxel;
    return async (view) => {
      views.show(
        {
          base: await load(view.base),
          overlay: await load(view.overlay),
          outline: await load(view.outline),
          opacity: view.opacity,
          map: view.overlay && carried.maps[view.overlay.kind],
        },
        middle,
      );
    };
  }

  // niivue draws the rim of a mask one screen pixel wide and below the overlay: the same shader
  // with a wider rim on top, and a dark line inside it that sets it off from any color.
  function thickenOutline(nv) {
    const program = nv.sliceMMShader && nv.sliceMMShader.program;
    if (!program) return;
    const step = (2.2 * window.devicePixelRatio).toFixed(2);
    const rim =
      "vec3 sx = " + step + " * offsetX; vec3 sy = " + step + " * offsetY;" +
      "bool near = false; bool far = false;" +
      "for (float s = -1.0; s < 1.5; s += 2.0) {" +
      "near = near || texture(drawing, texPos + s * sx).r != drawV" +
      " || texture(drawing, texPos + s * sy).r != drawV;" +
      "far = far || texture(drawing, texPos + 1.5 * s * sx).r != drawV" +
      " || texture(drawing, texPos + 1.5 * s * sy).r != drawV; }" +
      "if (near || far) { dcolor.a = drawRimOpacity;" +
      "if (!near) dcolor.rgb = vec3(0.0); ocolor = dcolor; }";
    const old = /if \(L != drawV[^;]*;/;
    for (const shader of nv.gl.getAttachedShaders(program)) {
      const source = nv.gl.getShaderSource(shader);
      if (old.test(source)) nv.setCustomSliceShader(source.replace(old, rim));
    }
  }

  async function startNiivue() {
    const nv = new niivue.Niivue({
      backColor: [0, 0, 0, 1],
      crosshairColor: [0.6, 0.8, 0.95, 0.55],
      crosshairWidth: 0.4,
      crosshairWidthUnit: "percent",
      crosshairGap: 5,
      fontColor: [1, 1, 1, 1],
      isRadiologicalConvention: true,
      isOrientationTextVisible: true,
      showAllOrientationMarkers: true,
      multiplanarLayout: niivue.MULTIPLANAR_TYPE.GRID,
      dragAndDropEnabled: false,
      isAlphaClipDark: false,
      multiplanarShowRender: niivue.SHOW_RENDER.ALWAYS,
      multiplanarForceRender: true,
      tileMargin: 6,
      isClipAllVolumes: true,
      clipPlaneColor: [0, 0, 0, 0],
      sagittalNoseLeft: true,
      logLevel: "silent",
      show3Dcrosshair: false,
      scrollRequiresFocus: true,
      loadingText: "",
    });
    await nv.attachToCanvas(canvas, false);
    for (const [name, anchors] of Object.entries(carried.maps)) {
      nv.addColormap("oncotwin-" + name, {
        R: anchors.map((a) => a[1]),
        G: anchors.map((a) => a[2]),
        B: anchors.map((a) => a[3]),
        A: anchors.map((a) => a[4]),
        I: anchors.map((a) => a[0]),
      });
    }
    nv.setRenderAzimuthElevation(150, 18);
    thickenOutline(nv);
    const images = new Map();
    const load = async (volume, colormap, opacity) => {
      if (!images.has(volume.key)) {
        const image = await niivue.NVImage.loadFromBase64({
          base64: volume.content,
          name: volume.key + ".nii.gz",
          colormap,
          opacity,
          cal_min: volume.low,
          cal_max: volume.high,
        });
        images.set(volume.key, image);
      }
      const image = images.get(volume.key);
      image.opacity = opacity;
      return image;
    };
    const start = (await center()).share;
    form.elements.clip.value = Math.round(100 * (1 - start[1]));
    let first = true;
    let shown = "";
    return async (view) => {
      const layers = [view.base, view.overlay, view.outline].map((v) => (v ? v.key : "-")).join();
      if (layers !== shown) {
        shown = layers;
        nv.closeDrawing();
        while (nv.volumes.length) nv.removeVolume(nv.volumes[nv.volumes.length - 1]);
        nv.addVolume(await load(view.base, "gray", 1));
        // without an overlay niivue would go on rendering the last one: an invisible one instead
        const over = view.overlay || volumes.find((volume) => volume.kind === "mean");
        if (over) {
          const opacity = view.overlay ? view.opacity : 0;
          nv.addVolume(await load(over, "oncotwin-" + over.kind, opacity));
        }
        if (view.outline) {
          nv.loadDrawing(await load(view.outline, "gray", 1));
          nv.drawLut = niivue.cmapper.makeDrawLut({
            R: [0, 255], G: [0, 157], B: [0, 46], A: [0, 255], labels: ["", "tumor"],
          });
          nv.drawOpacity = 0.004;
          nv.drawRimOpacity = 1;
          nv.updateGLVolume();
        }
      } else if (view.overlay) {
        nv.setOpacity(1, view.opacity);
      }
      nv.opts.multiplanarShowRender =
        view.mode === "planes" ? niivue.SHOW_RENDER.NEVER : niivue.SHOW_RENDER.ALWAYS;
      nv.setSliceType(view.mode === "render" ? nv.sliceTypeRender : nv.sliceTypeMultiplanar);
      nv.setClipPlane(view.clip > 0.01 ? [0.5 - view.clip, 180, 0] : [2, 180, 0]);
      if (first) nv.scene.crosshairPos = start;
      first = false;
      nv.drawScene();
    };
  }

  async function start() {
    let update;
    let kind = "niivue";
    try {
      if (!document.createElement("canvas").getContext("webgl2")) throw new Error("no WebGL2");
      update = await startNiivue();
      await update(chosen());
    } catch (problem) {
      kind = "canvas";
      update = await startCanvas();
      await update(chosen());
    }
    describe(chosen());
    document.body.setAttribute("data-viewer", kind);
    let turn = Promise.resolve();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const view = chosen();
      turn = turn.then(() => update(view)).then(() => describe(view));
    });
  }

  start();
})();
