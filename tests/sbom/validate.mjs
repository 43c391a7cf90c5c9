// Validates a CycloneDX 1.6 document against the official schemas: node validate.mjs FILE
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import addFormats2019 from 'ajv-formats-draft2019';

const folder = new URL('node_modules/@cyclonedx/cyclonedx-library/res/schema/', import.meta.url);
const schema = (name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
addFormats2019(ajv);
ajv.addSchema(schema('spdx.SNAPSHOT.schema.json'), 'http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json');
ajv.addSchema(schema('jsf-0.82.SNAPSHOT.schema.json'), 'http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json');
const validate = ajv.compile(schema('bom-1.6.SNAPSHOT.schema.json'));

const [file] = process.argv.slice(2);
if (!validate(JSON.parse(readFileSync(file, 'utf8')))) {
  for (const error of validate.errors.slice(0, 20)) console.error(`${error.instancePath}: ${error.message}`);
  process.exit(1);
}
console.log('valid');
