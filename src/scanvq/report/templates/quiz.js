'use strict';
(() => {
  const at = (id) => document.getElementById(id);
  const facts = JSON.parse(at('facts').textContent);
  const sheet = at('sheet');
  const given = []; // 1 = created, for each image that was answered

  // The answers: exclusive or with a fixed sequence, see Quiz._key.
  const truth = (() => {
    const bytes = Uint8Array.from(atob(facts.key), (letter) => letter.charCodeAt(0));
    let state = new DataView(bytes.buffer).getUint32(0);
    return Array.from(bytes.slice(4), (byte) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (byte & 1) ^ ((state >>> 16) & 1);
    });
  })();

  const draw = (canvas, number) => {
    const { width, height, columns } = facts;
    canvas.width = width;
    canvas.height = height;
    const left = (number % columns) * width, top = Math.floor(number / columns) * height;
    canvas.getContext('2d').drawImage(sheet, left, top, width, height, 0, 0, width, height);
  };

  const only = (shown) => {
    for (const id of ['start', 'stage', 'result']) at(id).hidden = id !== shown;
  };

  const ask = () => {
    const number = given.length;
    draw(at('image'), number);
    const text = `Image ${number + 1} of ${facts.count}`;
    at('image').setAttribute('aria-label', text);
    at('progress').textContent = text;
    at('done').style.width = `${(100 * number) / facts.count}%`;
    at('back').disabled = number === 0;
  };

  const begin = () => {
    given.length = 0;
    only('stage');
    ask();
  };

  const answer = (created) => {
    given.push(created);
    if (given.length < facts.count) ask();
    else report();
  };

  const back = () => {
    if (given.length) given.pop();
    ask();
  };

  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const range = (right, total) => {
    const [low, high] = facts.intervals[total][right];
    return `95 % interval ${percent(low)} to ${percent(high)}`;
  };

  const report = () => {
    const right = given.map((one, number) => one === truth[number]);
    const count = (wanted) => truth.filter((one) => one === wanted).length;
    const hits = (wanted) => truth.filter((one, number) => one === wanted && right[number]).length;
    const total = facts.count, correct = hits(0) + hits(1);
    const [low, high] = facts.intervals[total][correct];
    at('score').textContent = `${correct} of ${total} right: ${percent(correct / total)}, ${range(correct, total)}`;
    at('verdict').textContent =
      low > 0.5 ? 'You tell created from real images better than by guessing.'
        : high < 0.5 ? 'You see a difference, but call created images real and real ones created.'
          : 'Guessing would do as well: half right is within the interval. A larger test may still find a difference.';
    for (const [id, wanted] of [['found', 1], ['kept', 0]]) {
      at(id).textContent = `${hits(wanted)} of ${count(wanted)}`;
      at(`${id}-interval`).textContent = range(hits(wanted), count(wanted));
    }
    const name = (one) => (one ? 'created' : 'real');
    at('answers').replaceChildren(...truth.map((one, number) => {
      const figure = document.createElement('figure');
      const canvas = document.createElement('canvas');
      const caption = document.createElement('figcaption');
      draw(canvas, number);
      caption.textContent = `${number + 1}: ${name(one)}, ${right[number] ? 'right' : 'wrong'}`;
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', caption.textContent);
      figure.className = right[number] ? 'right' : 'wrong';
      figure.append(canvas, caption);
      return figure;
    }));
    at('table').value = ['image,truth,answer',
      ...truth.map((one, number) => `${number + 1},${name(one)},${name(given[number])}`)].join('\n');
    only('result');
    at('score').focus();
  };

  at('begin').addEventListener('click', begin);
  at('again').addEventListener('click', begin);
  at('real').addEventListener('click', () => answer(0));
  at('created').addEventListener('click', () => answer(1));
  at('back').addEventListener('click', back);
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const pressed = event.key.toLowerCase();
    if (!at('start').hidden && pressed === 'enter') begin();
    else if (at('stage').hidden) return;
    else if (pressed === 'r' || pressed === 'arrowleft') answer(0);
    else if (pressed === 'c' || pressed === 'arrowright') answer(1);
    else if (pressed === 'backspace') back();
    else return;
    event.preventDefault();
  });
})();
