// SPDX-License-Identifier: Apache-2.0
// Debian's chromium, headless and silent; each run has a profile of its own.

import { chromium } from "playwright-core";

const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

// A fresh user-data-dir is what launch() makes by itself.
export const launch = (executablePath) => chromium.launch({ executablePath, headless: true, args: flags });
