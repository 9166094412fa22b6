import { z } from 'zod';
import { value } from '../schemas/common.ts';
import { given, typeRules } from './type-rules.ts';

/** Any text that a pod can receive. */
export const generic = typeRules(z.strictObject({ value }), undefined, ({ fields }) =>
	given({ parts: { value: fields.value } }),
);
