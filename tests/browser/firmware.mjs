// The firmware page of a box that was set up and has updates behind it, as a person uses it.
//
//   SPANWATCH_URL=https://… SPANWATCH_PASSWORD=… SPANWATCH_BUNDLE=FILE node firmware.mjs
//
// SPANWATCH_BUNDLE is a bundle of a version that the box may install; it is sent and checked, and taken back. Pictures go
// to SPANWATCH_SCREENSHOTS, else to build/screenshots. Prints `ok NAME` or `FAILED NAME (why)` for each check.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const { SPANWATCH_URL: url, SPANWATCH_PASSWORD: password, SPANWATCH_BUNDLE: bundle } = process.env;
if (!url || !password || !bundle) {
  console.error('set SPANWATCH_URL, SPANWATCH_PASSWORD and SPANWATCH_BUNDLE');
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const pictures = process.env.SPANWATCH_SCREENSHOTS ?? join(here, '../../build/screenshots');
const PATIENCE = Number(process.env.SPANWATCH_PATIENCE_MS ?? 120_000);

let [passed, failed] = [0, 0];
const problems = [];
function check(what, good, detail = '') {
  if (good) passed += 1;
  else failed += 1;
  console.log(good ? `ok ${what}` : `FAILED ${what}${detail === '' ? '' : ` (${detail})`}`);
}
async function step(what, work) {
  try {
    await work();
    check(what, true);
  } catch (error) {
    check(what, false, String(error).split('\n').slice(0, 3).join(' | '));
  }
}
function assert(good, why) {
  if (!good) throw new Error(why);
}

mkdirSync(pictures, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), 'spanwatch-browser-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  ignoreHTTPSErrors: true,
  viewport: { width: 1280, height: 800 },
  locale: 'zh-CN',
  timezoneId: 'Asia/Shanghai',
  colorScheme: 'light',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
context.setDefaultTimeout(PATIENCE);
const page = context.pages()[0] ?? (await context.newPage());
page.on('console', (message) => {
  if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) problems.push(message.text());
});
page.on('pageerror', (error) => problems.push(String(error)));
await page.addInitScript(() => {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
});

const button = (name) => page.getByRole('button', { name, exact: true });
async function photograph(name) {
  for (const [width, height] of [[1280, 800], [390, 844]]) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(400);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(`${name}: nothing is wider than ${width} pixels`, wide <= 0, `${wide} pixels too wide`);
    await page.screenshot({ path: join(pictures, `${name}-${width}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}
async function appear(language, theme) {
  await page.getByRole('button', { name: /^(用户菜单|User menu)/ }).click();
  await button(language).click();
  await page.getByRole('button', { name: theme === 'light' ? /^(浅色|Light)$/ : /^(深色|Dark)$/ }).click();
  await page.keyboard.press('Escape');
}

await step('signing in, with a word on lost passwords', async () => {
  await page.goto(url);
  await page.getByText(/^(忘记密码|Lost the password)/).waitFor();
  await page.getByLabel(/^(密码|Password)$/).fill(password);
  await button(/^(登录|Sign in)$/).click();
  await page.getByRole('navigation').first().waitFor();
  await appear('中文', 'light');
});
await step('the firmware page says what runs, how the last update ended, and what happened before', async () => {
  await page.getByRole('navigation').first().getByRole('link', { name: '固件', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: '固件' }).waitFor();
  const now = page.getByRole('region', { name: '当前固件' });
  await now.waitFor();
  const text = await now.innerText();
  for (const word of ['分区 A', '分区 B', '正在运行', '安全启动', '最低可安装版本', '健康检查', '启动次数']) assert(text.includes(word), `${word} is missing: ${text}`);
  assert((await page.getByRole('region', { name: '历史记录' }).locator('tbody tr').count()) > 0, 'no history');
  await page.getByRole('status').filter({ hasText: /升级成功|已回退/ }).first().waitFor();
  assert((await page.getByRole('alert').count()) === 0, 'an alert');
});
const chooser = page.getByLabel('升级包（.raucb）');
await step('a file that is no bundle is refused in words', async () => {
  const other = join(profile, 'other.raucb');
  writeFileSync(other, Buffer.alloc(200_000, 7));
  await chooser.setInputFiles(other);
  await button('上传并校验').click();
  await page.getByRole('alert').filter({ hasText: '设备拒绝了该操作' }).waitFor();
});
await photograph('firmware-refused-zh-light');
await step('a bundle is sent with its progress shown, and checked', async () => {
  await chooser.setInputFiles(bundle);
  await button('上传并校验').click();
  await page.getByText(/已上传 .*，共 .*/).waitFor();
  await page.getByText(/已通过校验/).waitFor();
  assert((await page.getByRole('alert').count()) === 0, 'the old refusal is still shown');
});
await step('what must be confirmed keeps the installation from beginning', async () => {
  const wants = page.getByLabel('仍然安装');
  if ((await wants.count()) === 0) return;
  assert(await button('安装').isDisabled(), 'it may be installed without a confirmation');
  await wants.check();
  assert(await button('安装').isEnabled(), 'it may not be installed with a confirmation');
  await wants.uncheck();
});
for (const [name, language] of [['中文', 'zh'], ['English', 'en']]) {
  for (const theme of ['light', 'dark']) {
    await step(`firmware in ${name}, ${theme}`, async () => {
      await appear(name, theme);
      await page.getByRole('heading', { level: 1, name: language === 'zh' ? '固件' : 'Firmware' }).waitFor();
      const text = await page.locator('main').innerText();
      assert(!/firmware\.[a-z]/.test(text), `a text is missing: ${/firmware\.[a-z_.]+/.exec(text)?.[0]}`);
    });
    await photograph(`firmware-${language}-${theme}`);
  }
}
await step('what was sent is taken back', async () => {
  await appear('中文', 'light');
  await button('取消升级').click();
  await page.getByText(/已通过校验/).waitFor({ state: 'detached' });
  await button('上传并校验').waitFor();
});
const visit = async (name) => {
  await page.getByRole('navigation').first().getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
};
await step('a factory reset wants its word, and lets go of it', async () => {
  await visit('系统');
  await button('恢复出厂设置…').click();
  const word = page.getByLabel('输入 ERASE 以确认');
  const wipe = button('清除所有数据并重启');
  for (const [typed, may] of [['', false], ['erase', false], ['ERASE', true]]) {
    await word.fill(typed);
    assert((await wipe.isEnabled()) === may, `after ${JSON.stringify(typed)} it may ${may ? 'not ' : ''}be done`);
  }
});
await photograph('factory-reset-zh-light');
await step('a factory reset that is called off does nothing', async () => {
  await button('取消').click();
  await button('恢复出厂设置…').waitFor();
});
await step('the management port takes a VLAN from 1 to 4094', async () => {
  await visit('设置');
  const vlan = page.getByLabel('管理口 VLAN');
  for (const [number, good] of [['7', true], ['4095', false], ['0', false], ['', true]]) {
    await vlan.fill(number);
    assert((await vlan.evaluate((field) => field.validity.valid)) === good, `${JSON.stringify(number)} is ${good ? 'not ' : ''}taken`);
  }
});
const broken = await page.evaluate(() => window.violations);
check('the content security policy was never violated', broken.length === 0, broken.join('; '));
check('the browser logged no error', problems.length === 0, problems.slice(0, 5).join('; '));
await context.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
