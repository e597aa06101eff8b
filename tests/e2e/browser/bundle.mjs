// SPDX-License-Identifier: Apache-2.0
// A package of CommonJS modules, and what they require, as one script for a page. (Applications use a bundler,
// which would be the largest package of this folder.)

import { readFileSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";

// The script sets the global `name` to what the package exports.
export function bundle(name, packageName) {
  const modules = {}; // file -> its text, with files in place of names
  function add(file) {
    if (modules[file] !== undefined) return;
    modules[file] = "";
    const { resolve } = createRequire(file);
    modules[file] = readFileSync(file, "utf8").replace(/\brequire\(["']([^"']+)["']\)/g, (whole, required) => {
      if (isBuiltin(required)) return "{}"; // only asked for where there is no `self.crypto`
      const target = resolve(required);
      add(target);
      return `require(${JSON.stringify(target)})`;
    });
  }
  const main = createRequire(import.meta.url).resolve(packageName);
  add(main);
  const table = Object.entries(modules).map(
    ([file, text]) => `${JSON.stringify(file)}: function (require, module, exports) {\n${text}\n}`,
  );
  return `globalThis.${name} = (() => {
    const modules = {${table.join(",\n")}};
    const made = {};
    function require(file) {
      if (!made[file]) {
        made[file] = { exports: {} };
        modules[file](require, made[file], made[file].exports);
      }
      return made[file].exports;
    }
    return require(${JSON.stringify(main)});
  })();`;
}
