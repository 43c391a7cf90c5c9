import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

/** Writes .br and .gz beside every text file: the console serves them as they are. */
function precompress(): Plugin {
  let dist = '';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved: (config) => void (dist = resolve(config.root, config.build.outDir)),
    closeBundle() {
      const visit = (dir: string) => {
        for (const name of readdirSync(dir)) {
          const path = join(dir, name);
          if (statSync(path).isDirectory()) visit(path);
          else if (/\.(js|css|html|svg)$/.test(name)) {
            const bytes = readFileSync(path);
            writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
            const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
            writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
          }
        }
      };
      visit(dist);
    },
  };
}

/** Names the npm packages whose code is in the pages, for the bill of materials: `dist/.packages.json`. */
function packages(): Plugin {
  return {
    name: 'packages',
    apply: 'build',
    generateBundle(_options, bundle) {
      const names = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        for (const [path, module] of Object.entries(chunk.modules)) {
          // A module below several node_modules belongs to the last.
          const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
          if (name && module.renderedLength > 0) names.add(name);
        }
      }
      // Styles leave no module behind.
      for (const path of this.getModuleIds()) {
        const style = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\/.*\.css/.exec(path)?.[1];
        if (style) names.add(style);
      }
      this.emitFile({ type: 'asset', fileName: '.packages.json', source: `${JSON.stringify([...names].sort())}\n` });
    },
  };
}

export default defineConfig({
  plugins: [svelte(), precompress(), packages()],
  build: {
    target: 'es2022',
    // The content security policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
});
