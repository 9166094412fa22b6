import { describe } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { decodeReview } from '../../webhook/admission/review.ts';
import { HOSTILE, LARGEST } from '../webhook/support/hostile.ts';
import { settings } from '../webhook/support/settings.ts';
import { testHostile } from './cpu.ts';

const SETTINGS = settings({ ENVTIER_NATIVE_ENV: 'true' }).injection;
const SMALLEST = 800 * 1024;

/** As the webhook does it; reviews of less than 800 KiB cannot hold some of the hostile ones. */
const texts = Object.fromEntries(
	Object.entries(HOSTILE).map(([what, make]) => [what, (size: number) => make(Math.max(size, SMALLEST), 0)]),
);

describe('a review as long as the API server sends one', () =>
	testHostile({
		limit: LARGEST,
		parse: (text) => {
			const review = decodeReview(Buffer.from(text));
			return review.ok ? admit(review.value, SETTINGS) : review;
		},
		texts,
	}));
