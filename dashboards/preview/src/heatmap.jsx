// Grafana's heatmap is no component that it gives away: this one is drawn here, with the same colours.
import { useEffect, useRef } from 'react';
import { theme } from './data.js';

const VIRIDIS = [
  '#440154',
  '#482878',
  '#3e4a89',
  '#31688e',
  '#26828e',
  '#1f9e89',
  '#35b779',
  '#6ece58',
  '#b5de2b',
  '#fde725',
];
const LEFT = 54;
const BOTTOM = 26;

/** The buckets, smallest first, each with what lies in it alone: Prometheus adds up those below. */
function rows(frames) {
  const sorted = frames
    .map(({ fields: [time, value] }) => ({
      bound: Number(value.labels.le.replace('+Inf', 'Infinity')),
      time: time.values,
      value: value.values,
    }))
    .sort((one, other) => one.bound - other.bound);
  return sorted.map((row, index) => ({
    ...row,
    value: row.value.map((value, at) => Math.max(0, value - (index > 0 ? sorted[index - 1].value[at] : 0))),
  }));
}

export function Heatmap({ frames, range, width, height }) {
  const canvas = useRef(null);
  useEffect(() => {
    const scale = window.devicePixelRatio;
    const pen = canvas.current.getContext('2d');
    pen.scale(scale, scale);
    pen.font = `12px ${theme.typography.fontFamily}`;
    pen.fillStyle = theme.colors.text.primary;
    const all = rows(frames);
    const largest = Math.max(...all.flatMap(({ value }) => value));
    const cellHeight = (height - BOTTOM) / all.length;
    const across = (seconds) => LEFT + ((seconds - range.from) / (range.to - range.from)) * (width - LEFT);
    const cellWidth = across(range.from + range.step) - LEFT;
    all.forEach(({ bound, time, value }, index) => {
      const top = height - BOTTOM - (index + 1) * cellHeight;
      pen.fillStyle = theme.colors.text.primary;
      pen.textAlign = 'right';
      pen.textBaseline = 'middle';
      if (bound !== Infinity) {
        pen.fillText(bound < 1 ? `${Math.round(bound * 1000)} ms` : `${bound} s`, LEFT - 8, top);
      }
      time.forEach((at, cell) => {
        if (value[cell] > 1e-9) {
          pen.fillStyle = VIRIDIS[Math.min(9, Math.floor(Math.sqrt(value[cell] / largest) * 10))];
          pen.fillRect(across(at / 1000) - cellWidth + 1, top + 1, cellWidth - 1, cellHeight - 1);
        }
      });
    });
    pen.fillStyle = theme.colors.text.primary;
    pen.textAlign = 'center';
    const minutes = Math.max(1, Math.round((range.to - range.from) / 60 / 5));
    for (let at = Math.ceil(range.from / 60 / minutes) * 60 * minutes; at < range.to; at += 60 * minutes) {
      pen.fillText(new Date(at * 1000).toISOString().slice(11, 16), across(at), height - 8);
    }
  }, []);
  const scale = window.devicePixelRatio;
  return <canvas ref={canvas} width={width * scale} height={height * scale} style={{ width, height }} />;
}
