/** Account parameters: what a protocol takes, and the check of what a caller of RequestConnection gives. Telepathy specification, ConnectionManager, Param_Spec. */
import { Variant } from '../bus/types.ts';
import type { VariantMap } from '../bus/types.ts';
import { HushError } from '../errors.ts';
import { coerce } from './coerce.ts';
import { ParameterFlag } from './constants.ts';

/** One parameter. A `default` brings the flag Has_Default with it; `flags` are the others. */
export interface ParameterSpec {
  readonly name: string;
  /** The D-Bus type of its value, one complete type. */
  readonly signature: string;
  /** Sum of `ParameterFlag`s. */
  readonly flags: number;
  readonly default?: unknown;
}

/** Checked parameters by name, decoded; those with a default are always there. */
export type Parameters = ReadonlyMap<string, unknown>;

/** What stands in the place of a default where there is none, for the types that parameters have. */
const dummies = new Map<string, unknown>([['s', ''], ['as', []], ['b', false], ['d', 0], ['y', 0], ['n', 0], ['q', 0], ['i', 0], ['u', 0], ['x', 0], ['t', 0]]);

/** Param_Spec, (susv). */
export function paramSpec(spec: ParameterSpec): [name: string, flags: number, signature: string, value: Variant] {
  const hasDefault = spec.default !== undefined;
  const value = hasDefault ? spec.default : dummies.get(spec.signature);
  return [spec.name, spec.flags | (hasDefault ? ParameterFlag.hasDefault : 0), spec.signature, new Variant(spec.signature, value)];
}

/** The parameters of a caller, with the defaults filled in. Throws HushError('invalid-argument') naming the first that is unknown, of the wrong type, or missing. */
export function checkParameters(specs: readonly ParameterSpec[], given: VariantMap): Parameters {
  const specByName = new Map(specs.map((spec) => [spec.name, spec]));
  const parameters = new Map<string, unknown>();
  for (const [name, variant] of given) {
    const spec = specByName.get(name);
    if (spec === undefined) throw new HushError('invalid-argument', `unknown parameter '${name}'`);
    const value = coerce(variant, spec.signature);
    if (value === undefined) throw new HushError('invalid-argument', `parameter '${name}' must be of type '${spec.signature}', not '${variant.signature}', or is out of range`);
    parameters.set(name, value);
  }
  for (const spec of specs) {
    if (parameters.has(spec.name)) continue;
    if (spec.default !== undefined) parameters.set(spec.name, spec.default);
    else if ((spec.flags & ParameterFlag.required) !== 0) throw new HushError('invalid-argument', `parameter '${spec.name}' is missing`);
  }
  return parameters;
}
