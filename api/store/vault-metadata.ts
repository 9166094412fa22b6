import { z } from 'zod';

/** Vault's response to a read of metadata. */
export const METADATA = z.object({ data: z.unknown() });

/** Vault's response to a write of a version. */
export const WRITTEN = z.object({ data: z.object({ version: z.number(), created_time: z.string() }) });

/** Vault's response to a list. */
export const KEYS = z.object({ data: z.object({ keys: z.array(z.string()) }) });

/**
 * OpenBao's response to a list of `detailed-metadata/`. `key_info` has the metadata of each name. It is
 * decoded name by name, because a record of zod loses a name such as `__proto__`.
 */
export const DETAILED_KEYS = z.object({
	data: z.object({
		keys: z.array(z.string()),
		key_info: z.custom<object>((value) => typeof value === 'object' && value !== null),
	}),
});
