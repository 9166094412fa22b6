import type { Locator, Page } from 'playwright-core';

/** The cell of a key in a column: 1 is the organization, 2 the deployment, then the services. */
export const cellAt = (page: Page, key: string, column: number): Locator =>
	page
		.locator('.grid-row', { has: page.getByRole('link', { name: key, exact: true }) })
		.locator('.cell')
		.nth(column - 1);
