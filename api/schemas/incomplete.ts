import { z } from 'zod';

/** Says that the keys of a typed secret do not belong together. */
export const incomplete = z.strictObject({ written: z.number(), of: z.number() }).meta({
	description:
		'the keys of the typed secret do not belong together: so many of them are of the last creation or change. Repeat it, or the deletion',
});
