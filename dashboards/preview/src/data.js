// What Grafana's data source and panel model do: fill in variables, ask Prometheus, make frames of the answer,
// transform them, apply units, colours and overrides.
import {
  FieldType,
  applyFieldOverrides,
  cacheFieldDisplayNames,
  createTheme,
  standardTransformers,
  standardTransformersRegistry,
  toDataFrame,
  transformDataFrame,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';
import { fields } from './fields.js';

export const theme = createTheme({ colors: { mode: 'dark' } });

standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((transformer) => ({
    id: transformer.id,
    name: transformer.name,
    transformation: () => Promise.resolve(transformer),
  })),
);

/** Everything that a variable stands for; variables of choice stand for all values: no other job is scraped here. */
export function variables(dashboard, scrapeInterval, span) {
  const found = { __rate_interval: `${4 * scrapeInterval}s`, __range: `${span}s` };
  for (const variable of dashboard.templating.list) {
    found[variable.name] = variable.type === 'query' ? (variable.allValue ?? '.+') : variable.query;
  }
  return (text) => text.replace(/\$\{(\w+)\}|\$(\w+)/g, (whole, braced, bare) => found[braced ?? bare] ?? whole);
}

async function ask(server, path, parameters) {
  const answer = await fetch(`${server}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const reply = await answer.json();
  if (reply.status !== 'success') {
    throw new Error(`${parameters.query}: ${reply.error}`);
  }
  return reply.data.result;
}

const number = (text) => {
  const value = Number(text.replace('Inf', 'Infinity'));
  return Number.isNaN(value) ? null : value;
};

function named(legend, labels) {
  if (legend === '__auto') {
    return Object.values(labels).join(' ') || 'Value';
  }
  return legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '') || 'Value';
}

/** One frame for each series. */
function seriesFrames(target, result, step) {
  return result.map(({ metric, values, value }) => {
    const points = values ?? [value];
    const { __name__: _, ...labels } = metric;
    const name = named(target.legendFormat, labels);
    return toDataFrame({
      refId: target.refId,
      name,
      fields: [
        {
          name: 'Time',
          type: FieldType.time,
          values: points.map(([at]) => at * 1000),
          config: { interval: step * 1000 },
        },
        {
          name: 'Value',
          type: FieldType.number,
          labels,
          values: points.map(([, text]) => number(text)),
          config: { displayNameFromDS: name },
        },
      ],
    });
  });
}

/** One frame with a column for each label. */
function tableFrame(target, result, several) {
  if (result.length === 0) {
    return [];
  }
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].filter(
    (name) => name !== '__name__',
  );
  return [
    toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: result.map(({ value }) => value[0] * 1000) },
        ...labels.map((label) => ({
          name: label,
          type: FieldType.string,
          values: result.map(({ metric }) => metric[label] ?? ''),
        })),
        {
          name: several ? `Value #${target.refId}` : 'Value',
          type: FieldType.number,
          values: result.map(({ value }) => number(value[1])),
        },
      ],
    }),
  ];
}

/** The frames of a panel, as its visualization gets them. */
export async function panelFrames(server, panel, range, fill) {
  const interpolate = (text) => fill(text);
  const step = panel.interval ? range.columnStep : range.step;
  const answers = await Promise.all(
    panel.targets.map(async (target) => {
      const query = fill(
        panel.interval ? target.expr.replaceAll('$__rate_interval', `${step + range.scrapeInterval}s`) : target.expr,
      );
      const result = target.range
        ? await ask(server, 'query_range', { query, start: range.from, end: range.to, step })
        : await ask(server, 'query', { query, time: range.to });
      return target.format === 'table'
        ? tableFrame(target, result, panel.targets.length > 1)
        : seriesFrames(target, result, step);
    }),
  );
  const transformed = await firstValueFrom(transformDataFrame(panel.transformations, answers.flat(), { interpolate }));
  const frames = applyFieldOverrides({
    data: transformed,
    fieldConfig: structuredClone(panel.fieldConfig),
    fieldConfigRegistry: fields(panel),
    replaceVariables: interpolate,
    theme,
    timeZone: 'utc',
  });
  cacheFieldDisplayNames(frames);
  return frames;
}

/** The marks: a name, a colour and the moments. */
export async function annotations(server, dashboard, range, fill) {
  const all = await Promise.all(
    dashboard.annotations.list.map(async ({ expr, iconColor }) => {
      const query = fill(expr);
      const result = await ask(server, 'query_range', { query, start: range.from, end: range.to, step: range.step });
      const moments = new Set(result.flatMap(({ values }) => values.map(([, value]) => Math.floor(Number(value)))));
      return [...moments].filter((at) => at >= range.from * 1000).map((at) => ({ at, colour: iconColor }));
    }),
  );
  return all.flat();
}
