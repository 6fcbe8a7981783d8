// Draws one dashboard from a live Prometheus with Grafana's own components, without Grafana.
import {
  ThemeContext,
  VizOrientation,
  dateTime,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { annotations, panelFrames, theme, variables } from './data.js';
import { Heatmap } from './heatmap.jsx';

const COLUMN = 66;
const ROW = 30;
const GAP = 8;
const MARGIN = 16;
const WIDTH = 24 * COLUMN + 23 * GAP;

function displayed(panel, frames) {
  return getFieldDisplayValues({
    data: frames,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
}

function Stats({ panel, frames, width, height }) {
  const render = ({ value, width, height, alignmentFactors, count }) => (
    <BigValue
      value={value.display}
      width={width}
      height={height}
      count={count}
      alignmentFactors={alignmentFactors}
      colorMode={panel.options.colorMode}
      graphMode={panel.options.graphMode}
      justifyMode={panel.options.justifyMode}
      textMode={panel.options.textMode}
      disableWideLayout={!panel.options.wideLayout}
      text={panel.options.text}
      theme={theme}
    />
  );
  return (
    <VizRepeater
      getValues={() => displayed(panel, frames)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={render}
      width={width}
      height={height}
      source={frames}
      renderCounter={0}
      autoGrid={true}
      orientation={VizOrientation.Auto}
    />
  );
}

function Bars({ panel, frames, width, height }) {
  const { minVizHeight, maxVizHeight } = panel.options;
  const render = ({ value, width, height, orientation, alignmentFactors }) => (
    <BarGauge
      value={value.display}
      field={value.field}
      display={value.view?.getFieldDisplayProcessor(value.colIndex)}
      width={width}
      height={height}
      orientation={orientation}
      alignmentFactors={alignmentFactors}
      displayMode={panel.options.displayMode}
      valueDisplayMode={panel.options.valueMode}
      namePlacement={panel.options.namePlacement}
      showUnfilled={panel.options.showUnfilled}
      itemSpacing={8}
      lcdCellWidth={12}
      text={panel.options.text}
      theme={theme}
    />
  );
  return (
    <VizRepeater
      getValues={() => displayed(panel, frames)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={render}
      width={width}
      height={height}
      source={frames}
      renderCounter={0}
      itemSpacing={8}
      minVizHeight={minVizHeight}
      maxVizHeight={maxVizHeight}
      orientation={VizOrientation.Horizontal}
    />
  );
}

function Lines({ panel, frames, range, marks, width, height }) {
  const drawMarks = (builder) => {
    builder.addHook('draw', (plot) => {
      const { left, top, width, height } = plot.bbox;
      for (const { at, colour } of marks) {
        const x = plot.valToPos(at, 'x', true);
        if (x >= left && x <= left + width) {
          plot.ctx.save();
          plot.ctx.strokeStyle = colour;
          plot.ctx.fillStyle = colour;
          plot.ctx.lineWidth = window.devicePixelRatio;
          plot.ctx.setLineDash([4, 4]);
          plot.ctx.beginPath();
          plot.ctx.moveTo(x, top);
          plot.ctx.lineTo(x, top + height);
          plot.ctx.stroke();
          plot.ctx.beginPath();
          plot.ctx.moveTo(x, top + height);
          plot.ctx.lineTo(x - 5, top + height + 6);
          plot.ctx.lineTo(x + 5, top + height + 6);
          plot.ctx.fill();
          plot.ctx.restore();
        }
      }
    });
    return null;
  };
  const [from, to] = [dateTime(range.from * 1000), dateTime(range.to * 1000)];
  return (
    <TimeSeries
      frames={frames}
      width={width}
      height={height}
      legend={panel.options.legend}
      timeRange={{ from, to, raw: { from, to } }}
      timeZone="utc"
    >
      {drawMarks}
    </TimeSeries>
  );
}

function Table({ panel, frames, width, height }) {
  return (
    <TableNG
      data={frames[0]}
      width={width}
      height={height}
      cellHeight={panel.options.cellHeight}
      sortBy={panel.options.sortBy}
      fieldConfig={panel.fieldConfig}
      noHeader={!panel.options.showHeader}
      enableVirtualization={false}
    />
  );
}

const VISUALIZATIONS = { stat: Stats, bargauge: Bars, timeseries: Lines, table: Table, heatmap: Heatmap };

const rowsOf = (frames) => frames.reduce((sum, frame) => sum + frame.length, 0);

function Panel({ panel, ...rest }) {
  const { w, h } = panel.gridPos;
  const Visualization = VISUALIZATIONS[panel.type];
  return (
    <PanelChrome
      title={panel.title}
      description={panel.description}
      width={w * COLUMN + (w - 1) * GAP}
      height={h * ROW + (h - 1) * GAP}
      padding={panel.type === 'table' ? 'none' : 'md'}
    >
      {(width, height) =>
        rowsOf(rest.frames) > 0 ? (
          <Visualization panel={panel} width={width} height={height} {...rest} />
        ) : (
          <div
            style={{ color: theme.colors.text.secondary, height, display: 'grid', placeItems: 'center', fontSize: 14 }}
          >
            {panel.fieldConfig.defaults.noValue ?? 'No data'}
          </div>
        )
      }
    </PanelChrome>
  );
}

function Dashboard({ dashboard, drawn, range, marks }) {
  const place = ({ x, y }) => ({ position: 'absolute', left: x * (COLUMN + GAP), top: y * (ROW + GAP) });
  const bottom = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
  const chosen = dashboard.templating.list.filter(({ hide }) => hide === 0);
  return (
    <div
      id="dashboard"
      style={{ width: WIDTH + 2 * MARGIN, padding: MARGIN, background: theme.colors.background.canvas }}
    >
      <div style={{ display: 'flex', alignItems: 'center', gap: 20, marginBottom: 14, fontSize: 14 }}>
        <span style={{ fontSize: 20, fontWeight: 500 }}>{dashboard.title}</span>
        {chosen.map(({ name, label, type }) => (
          <span key={name} style={{ display: 'flex' }}>
            <span style={{ padding: '4px 10px', background: theme.colors.background.secondary, fontWeight: 500 }}>
              {label}
            </span>
            <span style={{ padding: '4px 10px', border: `1px solid ${theme.colors.border.medium}` }}>
              {type === 'datasource' ? 'Prometheus' : 'All'}
            </span>
          </span>
        ))}
        <span style={{ marginLeft: 'auto', color: theme.colors.text.secondary }}>
          Drawn by Grafana’s own components from a live Prometheus; not a Grafana screenshot
        </span>
      </div>
      <div style={{ position: 'relative', height: bottom * (ROW + GAP) }}>
        {dashboard.panels.map((panel) => (
          <div key={panel.id} style={place(panel.gridPos)}>
            {panel.type === 'row' ? (
              <div style={{ fontSize: 16, fontWeight: 500, lineHeight: `${ROW}px` }}>{panel.title}</div>
            ) : (
              <Panel panel={panel} frames={drawn[panel.id]} range={range} marks={marks} />
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

async function draw({ dashboard, server, minutes, scrapeInterval }) {
  // So that no number of the time axis is cut off at the edge.
  const now = Math.floor(Date.now() / 1000);
  const to = now - ((now - 150) % 300);
  const span = minutes * 60;
  const from = to - span;
  // Columns stand for five minutes at least; the demo has as many changes in much less.
  const step = Math.max(scrapeInterval, Math.ceil(span / 200));
  const range = { from, to, step, scrapeInterval, columnStep: Math.ceil(span / 30) };
  const fill = variables(dashboard, scrapeInterval, span);
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const answers = await Promise.all(panels.map((panel) => panelFrames(server, panel, range, fill)));
  const drawn = Object.fromEntries(panels.map((panel, index) => [panel.id, answers[index]]));
  const marks = await annotations(server, dashboard, range, fill);
  const root = document.createElement('div');
  document.body.replaceChildren(root);
  createRoot(root).render(
    <MemoryRouter>
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <Dashboard dashboard={dashboard} drawn={drawn} range={range} marks={marks} />
      </ThemeContext.Provider>
    </MemoryRouter>,
  );
  return panels.filter((panel) => rowsOf(drawn[panel.id]) === 0).map(({ title }) => title);
}

window.draw = draw;
