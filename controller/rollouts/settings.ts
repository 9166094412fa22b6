import { wholeNumber } from '../../contract/values.ts';
import { flag } from '../../lib/settings/parsers.ts';
import type { SettingsReader } from '../../lib/settings/reader.ts';
import { BATCH, type CONTROLLER_VARIABLES, LIMIT, PERIOD } from '../variables.ts';
import type { RolloutLimits } from './limits.ts';

/** How workloads are rolled. */
export interface RolloutSettings {
	readonly limits: RolloutLimits;
	/** Milliseconds between two looks at Vault. */
	readonly period: number;
	/** Milliseconds between two checks of every workload, whether something about it changed or not. */
	readonly resync: number;
}

const RESYNC = 1_800_000;

/** Reads how workloads are rolled. Undefined: they are not. Wrong values are problems also then. */
export function readRolloutSettings({
	required,
}: SettingsReader<keyof typeof CONTROLLER_VARIABLES>): RolloutSettings | undefined {
	const isOn = required('ENVTIER_CONTROLLER_ROLLOUTS', flag);
	const settings: RolloutSettings = {
		limits: {
			total: required('ENVTIER_CONTROLLER_LIMIT', wholeNumber(LIMIT.min, LIMIT.max)),
			batch: required('ENVTIER_CONTROLLER_BATCH', wholeNumber(BATCH.min, BATCH.max)) * 1000,
		},
		period: required('ENVTIER_CONTROLLER_PERIOD', wholeNumber(PERIOD.min, PERIOD.max)) * 1000,
		resync: RESYNC,
	};
	return isOn ? settings : undefined;
}
