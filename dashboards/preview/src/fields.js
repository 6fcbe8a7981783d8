// The options of fields that this preview knows: those that the panel itself names, by default or in an override.
import { FieldConfigOptionsRegistry } from '@grafana/data';

const STANDARD = ['color', 'decimals', 'displayName', 'mappings', 'max', 'min', 'noValue', 'thresholds', 'unit'];

export function fields(panel) {
  const custom = new Set(Object.keys(panel.fieldConfig.defaults.custom ?? {}));
  for (const { properties } of panel.fieldConfig.overrides) {
    properties.filter(({ id }) => id.startsWith('custom.')).forEach(({ id }) => custom.add(id.slice('custom.'.length)));
  }
  const option = (id, path, isCustom) => ({
    id,
    path,
    isCustom,
    name: path,
    process: (value) => value,
    shouldApply: () => true,
  });
  return new FieldConfigOptionsRegistry(() => [
    ...STANDARD.map((path) => option(path, path, false)),
    ...[...custom].map((path) => option(`custom.${path}`, path, true)),
  ]);
}
