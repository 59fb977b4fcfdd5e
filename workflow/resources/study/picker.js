// An image beside its grid, in which exactly so many cells are picked: by mouse, by touch, or by keyboard (arrows move,
// space picks, U or Backspace undoes, Enter confirms).

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const SMALL = 128; // pixels a side: an image below is enlarged pixel by pixel, so that nothing is smoothed away

export const cellName = (cell, grid) => `row ${Math.floor(cell / grid) + 1}, column ${(cell % grid) + 1}`;

// Puts the picker into `element`; returns, when it is confirmed, {cells, input, milliseconds}.
export async function pick(element, { heading, notice = "", image, grid, picks }) {
  element.innerHTML = `
    <h1>${heading}</h1>
    <p id="task">Pick the <strong>${picks} cells</strong> of the grid that look least natural. <span id="notice"></span></p>
    <div class="pair">
      <img class="plain" alt="The image without the grid">
      <div class="grid" role="group" aria-describedby="keys"
           aria-label="Grid over the same image: ${grid} rows, ${grid} columns"><img alt=""></div>
    </div>
    <p id="picked" role="status"></p>
    <p class="buttons">
      <button type="button" id="undo">Undo</button>
      <button type="button" id="confirm" class="main">Confirm</button>
    </p>
    <p id="keys" class="hint">Keyboard: arrow keys move, space picks, U undoes, Enter confirms.</p>`;
  element.querySelector("#notice").textContent = notice;
  for (const shown of element.querySelectorAll("img")) {
    shown.src = image;
    await shown.decode();
    shown.classList.toggle("small", shown.naturalWidth < SMALL);
    const board = shown.closest(".grid") ?? shown;
    board.style.aspectRatio = `${shown.naturalWidth} / ${shown.naturalHeight}`;
  }
  return new Promise((resolve) => new Picker(element, grid, picks, resolve));
}

class Picker {
  constructor(element, grid, picks, resolve) {
    Object.assign(this, { element, grid, picks, resolve, cells: [], input: "mouse", began: performance.now() });
    const board = element.querySelector(".grid");
    board.style.setProperty("--grid", grid);
    this.buttons = Array.from({ length: grid * grid }, (_, cell) => {
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = cell ? -1 : 0;
      button.setAttribute("aria-label", cellName(cell, grid));
      button.addEventListener("click", (event) => this.#toggle(cell, event));
      button.addEventListener("focus", () => this.#isAt(cell));
      return button;
    });
    board.append(...this.buttons);
    board.addEventListener("keydown", (event) => this.#key(event));
    element.querySelector("#undo").addEventListener("click", () => this.#undo());
    element.querySelector("#confirm").addEventListener("click", () => this.#confirm());
    this.#show("");
    this.buttons[0].focus({ preventScroll: true });
  }

  #isAt(cell) {
    this.buttons.forEach((button, other) => { button.tabIndex = other === cell ? 0 : -1; });
  }

  #key(event) {
    const cell = this.buttons.indexOf(event.target);
    if (cell < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in STEPS) {
      const [down, right] = STEPS[event.key];
      const [row, column] = [Math.floor(cell / this.grid) + down, (cell % this.grid) + right];
      if (Math.min(row, column) >= 0 && Math.max(row, column) < this.grid) {
        this.buttons[row * this.grid + column].focus();
      }
    } else if (event.key === "Enter") {
      if (!event.repeat) this.#confirm();
    } else if (event.key === "Backspace" || event.key.toLowerCase() === "u") {
      this.#undo();
    } else {
      return;
    }
    event.preventDefault();
  }

  #toggle(cell, event) {
    // A key, or a program that reads the page aloud, clicks without a pointer; a pen counts as touch.
    this.input = event.detail === 0 ? "keyboard" : event.pointerType === "mouse" ? "mouse" : "touch";
    if (this.cells.includes(cell)) {
      this.cells = this.cells.filter((other) => other !== cell);
      this.#show(`Not picked any more: ${cellName(cell, this.grid)}.`);
    } else if (this.cells.length === this.picks) {
      this.#show(`Only ${this.picks} cells can be picked: undo one first.`);
    } else {
      this.cells.push(cell);
      this.#show(`Picked: ${cellName(cell, this.grid)}.`);
    }
  }

  #undo() {
    const cell = this.cells.pop();
    this.#show(cell === undefined ? "No cell is picked." : `Not picked any more: ${cellName(cell, this.grid)}.`);
  }

  #confirm() {
    if (this.cells.length !== this.picks) {
      this.#show(`Pick exactly ${this.picks} cells, then confirm.`);
      return;
    }
    const milliseconds = Math.round(performance.now() - this.began);
    for (const button of this.element.querySelectorAll("button")) button.disabled = true;
    this.resolve({ cells: [...this.cells], input: this.input, milliseconds });
  }

  #show(message) {
    this.buttons.forEach((button, cell) => {
      const place = this.cells.indexOf(cell);
      button.setAttribute("aria-pressed", String(place >= 0));
      button.textContent = place >= 0 ? String(place + 1) : "";
    });
    this.element.querySelector("#confirm").setAttribute("aria-disabled", String(this.cells.length !== this.picks));
    this.element.querySelector("#picked").textContent = `${this.cells.length} of ${this.picks} picked. ${message}`;
  }
}
