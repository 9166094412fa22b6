import { z } from 'zod';
import { Problem } from './common.ts';
import * as keys from './keys.ts';
import * as secrets from './secrets.ts';
import * as templates from './templates.ts';

/** Takes nothing: for calls without body and query. */
export const Nothing = z.strictObject({});

/** Every schema of the OpenAPI document by its name there. */
export const SCHEMAS = { Problem, Nothing, ...secrets, ...templates, ...keys } as const;
export type SchemaName = keyof typeof SCHEMAS;
