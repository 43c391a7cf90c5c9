// Drives the console as a person would: wizard, live overview, exporters, logs, system, settings, signing out and in.
//
//   SPANWATCH_URL=https://… SPANWATCH_SETUP_CODE=XXXX-XXXX node run.mjs
//
// The box must be fresh, with office.pcap (or another whose hosts match SPANWATCH_TOP_HOST) replayed into a capture
// port. Where SPANWATCH_EXPORTER names the address of an exporter that sends (its agent on SPANWATCH_SNMP_PORT with the
// SNMPv3 user labuser), it is registered and its pages are looked at. The box gets the password SPANWATCH_PASSWORD.
// Pictures go to SPANWATCH_SCREENSHOTS, else to build/screenshots.
// Prints `ok NAME` or `FAILED NAME (why)` for each check.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { PAGES as ALARM_PAGES, alarms } from './alarms.mjs';
import { PAGES as FLOW_PAGES, flows } from './flows.mjs';
import { PAGES as HARDWARE_PAGES, hardware } from './hardware.mjs';
import { PAGES as LAYER7_PAGES, layer7 } from './layer7.mjs';

const target = process.env.SPANWATCH_URL;
const code = process.env.SPANWATCH_SETUP_CODE;
if (!target || !code) {
  console.error('set SPANWATCH_URL and SPANWATCH_SETUP_CODE');
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const pictures = process.env.SPANWATCH_SCREENSHOTS ?? join(here, '../../build/screenshots');
const topHost = new RegExp(process.env.SPANWATCH_TOP_HOST ?? '^(10\\.|192\\.168\\.|203\\.0\\.113\\.|198\\.51\\.100\\.|2001:db8:|fd)');
const exporter = process.env.SPANWATCH_EXPORTER;
const agentPort = process.env.SPANWATCH_SNMP_PORT ?? '161';
const PASSWORD = process.env.SPANWATCH_PASSWORD ?? 'eine lange Brücke 42';
// A virtual machine without hardware support takes its time.
const PATIENCE = Number(process.env.SPANWATCH_PATIENCE_MS ?? 60_000);

let passed = 0;
let failed = 0;
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

async function eventually(what, probe, within = PATIENCE) {
  const end = Date.now() + within;
  for (;;) {
    if (await probe()) return;
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

// The browser reaches the box through this: the test can cut the wire.
const wire = { cut: false, sockets: new Set() };
const box = new URL(target);
const proxy = createServer((near) => {
  if (wire.cut) return near.destroy();
  const far = connect(Number(box.port || 443), box.hostname.replace(/^\[|\]$/g, ''));
  for (const [one, other] of [[near, far], [far, near]]) {
    wire.sockets.add(one);
    one.on('error', () => {});
    one.on('close', () => {
      wire.sockets.delete(one);
      other.destroy();
    });
    one.pipe(other);
  }
});
await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
const url = `https://127.0.0.1:${proxy.address().port}`;
function cutWire() {
  wire.cut = true;
  for (const socket of wire.sockets) socket.destroy();
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
// Answers of 4xx that the test provokes are logged by the browser as errors of the network: those are not the page's.
page.on('console', (message) => {
  if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) problems.push(message.text());
});
page.on('pageerror', (error) => problems.push(String(error)));
await page.addInitScript(() => {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
});
async function violations() {
  return page.evaluate(() => window.violations.splice(0));
}

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

// What the box answers before anybody is there.
const plain = await context.request.get(`${url}/healthz`);
check('/healthz answers without signing in', plain.ok());
const front = await context.request.get(`${url}/`);
const headers = front.headers();
check("the policy is default-src 'self' and allows nothing inline", (headers['content-security-policy'] ?? '').startsWith("default-src 'self';") && !headers['content-security-policy'].includes('unsafe'));
check('there is no HSTS on a certificate that nobody signed', headers['strict-transport-security'] === undefined);
const early = await context.request.get(`${url}/api/v1/overview`);
check('before the set-up everything else is refused', early.status() === 403 && (await early.json()).error.kind === 'setup_required');

await step('the wizard opens in Chinese', async () => {
  await page.goto(url);
  await page.getByRole('heading', { name: '首次设置' }).waitFor();
  assert((await page.evaluate(() => document.documentElement.lang)) === 'zh-CN', 'not zh-CN');
});
await photograph('wizard-zh-light');
await step('a wrong setup code gives a clear error', async () => {
  await button('下一步').click();
  const wrong = code.replace(/[A-Z2-9]/, (c) => (c === 'Z' ? 'Y' : 'Z'));
  await page.getByLabel('设置码', { exact: true }).fill(wrong);
  await button('下一步').click();
  assert(await button('下一步').isDisabled(), 'an empty password may not go on');
  await page.getByLabel('新密码').fill('aaaaaaaaaaaa');
  await page.getByLabel('再输一次').fill('aaaaaaaaaaaa');
  assert(await button('下一步').isDisabled(), 'a weak password may not go on');
  await page.getByLabel('新密码').fill(PASSWORD);
  await page.getByLabel('再输一次').fill(PASSWORD);
  await page.screenshot({ path: join(pictures, 'wizard-password-zh-light-1280.png') });
  await button('下一步').click();
  await page.getByLabel('主机名').fill('office-probe');
  await button('完成设置').click();
  await page.getByRole('alert').filter({ hasText: '设置码不正确' }).waitFor();
  await page.screenshot({ path: join(pictures, 'wizard-wrong-code-zh-light-1280.png') });
});
await step('the right code sets the box up and signs in', async () => {
  await page.getByLabel('设置码', { exact: true }).fill(code.toLowerCase().replace('-', ''));
  await button('下一步').click();
  await button('下一步').click();
  await button('完成设置').click();
  await page.getByRole('heading', { name: '实时概览' }).waitFor();
});

const indicator = (name) => page.locator(`[data-indicator="${name}"] .value b`);
const end = async () => Number(await page.getByTestId('until').getAttribute('data-end'));
await step('the overview is live: all indicators that can be known are, and time moves', async () => {
  await page.getByTestId('live').filter({ hasText: '实时' }).waitFor();
  await eventually('traffic', async () => /[1-9]/.test(await indicator('bits-total').innerText()));
  for (const group of ['bits', 'packets', 'utilisation']) {
    for (const direction of ['total', 'in', 'out']) assert((await indicator(`${group}-${direction}`).count()) === 1, `${group}-${direction} is missing`);
  }
  const before = await end();
  await eventually('three more seconds', async () => (await end()) >= before + 3);
});
await step('in and out are seen, and values move', async () => {
  const seen = { in: new Set(), out: new Set(), total: new Set() };
  await eventually('changing values', async () => {
    for (const direction of Object.keys(seen)) seen[direction].add(await indicator(`bits-${direction}`).innerText());
    return Object.values(seen).every((values) => values.size >= 2);
  });
});
await step('the top hosts are those of the capture, and protocols have names', async () => {
  const hosts = page.getByRole('region', { name: '主机', exact: true }).locator('.name');
  await eventually('a host', async () => (await hosts.allInnerTexts()).some((name) => topHost.test(name)));
  const protocols = page.getByRole('region', { name: '协议', exact: true }).locator('.name');
  await eventually('TCP', async () => (await protocols.allInnerTexts()).includes('TCP'));
  assert((await page.getByRole('region', { name: '会话', exact: true }).locator('.name').count()) > 0, 'no conversations');
  assert((await page.getByRole('region', { name: '应用', exact: true }).locator('.name').count()) > 0, 'no applications');
});
await step('the chart has a cursor for the keyboard, and a table', async () => {
  const plot = page.getByRole('application');
  await plot.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await eventually('a readout', async () => /总计|没有数据/.test(await page.locator('p[aria-live=polite]').innerText()));
  await button('以表格显示').click();
  assert((await page.locator('.tall tbody tr').count()) >= 100, 'the table is short');
  await page.screenshot({ path: join(pictures, 'overview-table-zh-light-1280.png') });
  await button('以图表显示').click();
});
await step('another interval is kept in the address and is live', async () => {
  await button('2 秒').click();
  assert(page.url().includes('interval=2'), page.url());
  const before = await end();
  await eventually('an even second', async () => (await end()) > before && (await end()) % 2 === 0);
  await page.reload();
  await page.getByRole('heading', { name: '实时概览' }).waitFor();
  assert((await button('2 秒').getAttribute('aria-pressed')) === 'true', 'not pressed after loading again');
  await button('自定义').click();
  await page.getByLabel(/自定义间隔/).fill('3');
  await page.keyboard.press('Tab');
  await eventually('interval=3', async () => page.url().includes('interval=3'));
  await eventually('a multiple of three', async () => (await end()) > before && (await end()) % 3 === 0);
  await button('1 秒').click();
});
await step('pausing holds the time, resuming goes on', async () => {
  await button('暂停').click();
  await page.getByTestId('live').filter({ hasText: '已暂停' }).waitFor();
  await page.waitForTimeout(500);
  const held = await end();
  await page.waitForTimeout(2500);
  assert((await end()) === held, 'time moved');
  await button('继续').click();
  await eventually('time', async () => (await end()) > held);
});
await step('after the network was away the page finds its way back and fills the gap', async () => {
  cutWire();
  await page.getByTestId('live').filter({ hasText: '正在重连' }).waitFor();
  await page.screenshot({ path: join(pictures, 'overview-reconnecting-zh-light-1280.png') });
  await page.waitForTimeout(4000);
  const before = await end();
  wire.cut = false;
  await page.getByTestId('live').filter({ hasText: '实时' }).waitFor();
  await eventually('time', async () => (await end()) > before + 4);
  await button('以表格显示').click();
  const gaps = await page.locator('.tall tbody tr').evaluateAll((rows) => rows.slice(0, 8).filter((row) => row.textContent.includes('—')).length);
  assert(gaps === 0, `${gaps} of the last 8 seconds are missing`);
  await button('以图表显示').click();
});

// A name as text is the whole name: 日志 is no 应用日志.
const navigate = (name) => page.getByRole('navigation').first().getByRole('link', { name, exact: true }).click();
const alerts = async () => (await page.getByRole('alert').allInnerTexts()).join(' | ');
async function noAlert() {
  const said = await alerts();
  assert(said === '', said);
}
await step('without exporters the pages say so, and no page shows an error', async () => {
  await navigate('网元');
  await page.getByRole('heading', { level: 1, name: '网元' }).waitFor();
  await page.getByText(/还没有登记网元/).waitFor();
  await navigate('日志');
  await page.getByText('这段时间没有符合条件的日志').waitFor();
  await noAlert();
});
await photograph('logs-empty-zh-light');
await step('SNMP credentials are stored and their secrets never shown', async () => {
  await page.goto(`${url}/exporters/collection`);
  await button('+ 添加凭据').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('名称', { exact: true }).fill('lab');
  await dialog.getByLabel('版本').selectOption('v3');
  await dialog.getByLabel('用户名').fill('labuser');
  await dialog.getByLabel('认证密码').fill('lab-auth-pass');
  await dialog.getByLabel('加密密码').fill('lab-priv-pass');
  await page.screenshot({ path: join(pictures, 'credentials-zh-light-1280.png') });
  await dialog.getByRole('button', { name: '保存' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('cell', { name: 'lab', exact: true }).waitFor();
  await button('编辑 lab').click();
  assert((await dialog.getByLabel('认证密码').inputValue()) === '', 'a secret is shown');
  await dialog.getByRole('button', { name: '取消' }).click();
  const answer = await (await context.request.get(`${url}/api/v1/settings`)).text();
  assert(!answer.includes('lab-auth-pass') && !answer.includes('lab-priv-pass'), 'a secret is told');
});
await step('credentials with a community are stored as well', async () => {
  await button('+ 添加凭据').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('名称', { exact: true }).fill('lab-v2c');
  await dialog.getByLabel('团体名').fill('lab-public');
  await dialog.getByRole('button', { name: '保存' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('cell', { name: 'lab-v2c', exact: true }).waitFor();
});
await step('discovery is switched on', async () => {
  await page.getByLabel(/发现模式/).check();
  await button('保存').click();
  await page.getByText(/设置已保存/).waitFor();
  await noAlert();
});
let number = null;
if (exporter !== undefined) {
  await step('a sender that is not registered is listed, and is registered with its agent', async () => {
    await page.goto(`${url}/exporters`);
    const row = page.getByRole('region', { name: '待登记的发送者' }).getByRole('row').filter({ hasText: exporter });
    await row.waitFor();
    await page.screenshot({ path: join(pictures, 'pending-zh-light-1280.png'), fullPage: true });
    await row.getByRole('button', { name: '登记' }).click();
    const dialog = page.getByRole('dialog');
    assert((await dialog.getByLabel('地址', { exact: true }).inputValue()) === exporter, 'the address is not filled in');
    await dialog.getByLabel('名称', { exact: true }).fill('lab-router');
    await dialog.getByLabel('用 SNMP 轮询').check();
    await dialog.getByLabel('凭据').selectOption('lab');
    await dialog.getByLabel('UDP 端口').fill(agentPort);
    await dialog.getByLabel('间隔（秒）').fill('15');
    await page.screenshot({ path: join(pictures, 'register-zh-light-1280.png') });
    await dialog.getByRole('button', { name: '保存' }).click();
    await page.getByRole('heading', { level: 1, name: /lab-router/ }).waitFor();
    number = Number(/exporters\/(\d+)/.exec(page.url())?.[1]);
    assert(number > 0, page.url());
  });
  const agentAnswers = () =>
    eventually('an answer', async () => {
      await button('测试 SNMP').click();
      const said = page.getByText(/SNMP 代理在|SNMP 代理没有应答。请|操作失败/).first();
      await said.waitFor();
      return (await said.innerText()).includes('毫秒内应答');
    });
  await step('its agent answers a test by SNMPv3', agentAnswers);
  await step('it is edited to be polled by SNMPv2c, whose traps come without a user', async () => {
    await button('编辑').click();
    const dialog = page.getByRole('dialog');
    assert((await dialog.getByLabel('凭据').inputValue()) === 'lab', 'the credentials are not shown');
    await dialog.getByLabel('凭据').selectOption('lab-v2c');
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.waitFor({ state: 'detached' });
    await agentAnswers();
  });
  await step('its records, messages and answers arrive', async () => {
    await eventually('a full row', async () => {
      const answer = await (await context.request.get(`${url}/api/v1/exporters`)).json();
      const one = answer.exporters.find((row) => row.number === number);
      return one !== undefined && one.records > 0 && one.messages > 0 && one.snmp?.last_answer != null;
    }, 4 * PATIENCE);
    await navigate('网元');
    const row = page.getByTestId('exporters').getByRole('row').filter({ hasText: 'lab-router' });
    await eventually('its state', async () => /正常|有问题/.test(await row.innerText()));
    await noAlert();
  });
  await step('its interfaces are known, and one can be named', async () => {
    await page.goto(`${url}/exporters/${number}?tab=interfaces`);
    const rows = page.getByTestId('interfaces').locator('tbody tr');
    await rows.first().waitFor({ timeout: 4 * PATIENCE });
    await eventually('rates', async () => (await rows.filter({ hasText: /SNMP|流记录/ }).count()) > 0, 6 * PATIENCE);
    const busy = rows.filter({ hasText: /SNMP|流记录/ }).first();
    await busy.getByRole('button', { name: /^编辑/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('名称', { exact: true }).fill('实验上联');
    await dialog.getByLabel('容量（Mbit/s）').fill('100');
    await dialog.getByLabel('流入上限').fill('80');
    await page.screenshot({ path: join(pictures, 'interface-form-zh-light-1280.png') });
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.waitFor({ state: 'detached' });
    await eventually('the name', async () => (await rows.allInnerTexts()).some((text) => text.includes('实验上联')), 2 * PATIENCE);
    await noAlert();
  });
  await step('its templates are shown with their fields', async () => {
    await page.goto(`${url}/exporters/${number}?tab=streams`);
    const templates = page.getByRole('region', { name: '数据流' }).locator('button[aria-expanded]').first();
    await templates.click();
    await page.getByText(/sourceIPv4Address/).first().waitFor();
  });
  await step('its minutes become a chart and a ranking', async () => {
    await page.goto(`${url}/exporters/${number}`);
    await eventually('a host', async () => (await page.getByRole('region', { name: '主机', exact: true }).locator('.name').count()) > 0, 6 * PATIENCE);
    await noAlert();
    await page.goto(`${url}/?scope=exporters`);
    await eventually('traffic', async () => /[1-9]/.test(await indicator('bits-total').innerText()), 2 * PATIENCE);
    await noAlert();
  });
  await step('a log record is found by keyword, opened, and taken away as a file', async () => {
    await navigate('日志');
    await page.getByLabel('关键字').fill('lab-uplink');
    await button('查询').click();
    await eventually('keyword in the address', async () => page.url().includes('keyword=lab-uplink'));
    const rows = page.getByTestId('logs').locator('tbody tr');
    // What was there before the question stays until its answer comes.
    await eventually('rows with the keyword alone', async () => {
      const texts = await rows.allInnerTexts();
      return texts.length > 0 && texts.every((text) => text.includes('lab-uplink'));
    });
    await page.getByRole('button', { name: '详情 1', exact: true }).click();
    await page.locator('.detail').getByText('lab-router').waitFor();
    const file = await context.request.get(`${url}${await page.getByRole('link', { name: '导出 CSV' }).getAttribute('href')}`);
    const text = await file.text();
    assert(file.ok() && text.startsWith('\ufefftime,') && text.includes('lab-uplink'), text.slice(0, 200));
    await page.getByLabel('关键字').fill('nothing says this');
    await button('查询').click();
    await page.getByText('这段时间没有符合条件的日志').waitFor();
    await noAlert();
  });
}

await layer7({ page, url, step, assert, eventually, button, navigate, noAlert, pictures });
await hardware({ page, url, step, assert, eventually, navigate, noAlert });
await alarms({ page, url, step, assert, eventually, navigate, noAlert, request: async (path) => (await context.request.get(`${url}/api/v1/${path}`)).json() });
await flows({ page, url, step, assert, eventually, button, navigate, noAlert, pictures, patience: PATIENCE, number });

const pages = { overview: /^(概览|Overview)$/, exporters: /^(网元|Exporters)$/, logs: /^(日志|Logs)$/, system: /^(系统|System)$/, settings: /^(设置|Settings)$/ };
const heading = { overview: /^(实时概览|Live overview)$/, exporters: /^(网元|Exporters)$/, logs: /^(日志|Logs)$/, system: /^(系统|System)$/, settings: /^(设置|Settings)$/ };
// Each language and each appearance; every pair of them where there is time for it. English comes last: what follows reads it.
const looks = process.env.SPANWATCH_LOOKS === 'two' ? [['zh', '中文', 'light'], ['en', 'English', 'dark']] : [['zh', '中文', 'light'], ['zh', '中文', 'dark'], ['en', 'English', 'light'], ['en', 'English', 'dark']];
for (const [language, name, theme] of looks) {
  await step(`language ${name} and appearance ${theme}`, async () => {
    const word = { 'light': /^(浅色|Light)$/, 'dark': /^(深色|Dark)$/ }[theme];
    await page.getByRole('button', { name: /^(用户菜单|User menu)/ }).click();
    await button(name).click();
    await page.getByRole('button', { name: word }).click();
    if (language === 'zh' && theme === 'light') await page.screenshot({ path: join(pictures, 'menu-zh-light-1280.png') });
    await page.keyboard.press('Escape');
    assert((await page.evaluate(() => document.documentElement.dataset.theme)) === theme, 'theme');
    assert((await page.evaluate(() => document.documentElement.lang)) === { zh: 'zh-CN', en: 'en' }[language], 'language');
  });
  for (const [where, link] of Object.entries(pages)) {
    await step(`${where} in ${name}, ${theme}`, async () => {
      await navigate(link);
      await page.getByRole('heading', { level: 1, name: heading[where] }).waitFor();
      if (where === 'overview') await page.getByTestId('live').filter({ hasText: /实时|Live/ }).waitFor();
      if (where === 'exporters') await page.getByRole('region', { name: /^(接收端口|What is received on)$/ }).getByRole('row').nth(1).waitFor();
      if (where === 'logs') await page.getByRole('region', { name: /^(查询结果|What was found)$/ }).locator('table, .empty').first().waitFor();
      if (where === 'system') await page.getByText(/^(固件版本|Firmware)$/).waitFor();
      if (where === 'settings') await page.getByLabel(/^(内部网络|Home networks)$/).waitFor();
      await page.waitForTimeout(where === 'overview' ? 2500 : 300);
      await noAlert();
    });
    await photograph(`${where}-${language}-${theme}`);
  }
  const deep = { collection: ['/exporters/collection', 'form table'], ...LAYER7_PAGES, ...FLOW_PAGES, ...HARDWARE_PAGES, ...ALARM_PAGES };
  if (number !== null) {
    Object.assign(deep, {
      'overview-exporters': ['/?scope=exporters', '[data-indicator="bits-total"]'],
      'exporter-traffic': [`/exporters/${number}`, '[data-indicator="bits-total"]'],
      'exporter-interfaces': [`/exporters/${number}?tab=interfaces`, '[data-testid="interfaces"] tbody a'],
      'exporter-streams': [`/exporters/${number}?tab=streams`, 'table'],
      'exporter-device': [`/exporters/${number}?tab=device`, 'dl'],
    });
  }
  for (const [where, [path, sign]] of Object.entries(deep)) {
    await step(`${where} in ${name}, ${theme}`, async () => {
      await page.goto(url + path);
      await page.locator(sign).first().waitFor();
      await eventually('the end of questions', async () => (await page.getByTestId('progress').count()) === 0);
      await page.waitForTimeout(where in FLOW_PAGES || (where in LAYER7_PAGES && !where.startsWith('links')) ? 300 : 1500);
      // A wrong filter is refused: that is the page's own alert.
      if (where !== 'search-wrong') await noAlert();
    });
    await photograph(`${where}-${language}-${theme}`);
  }
  if (number !== null) {
    await step(`interface in ${name}, ${theme}`, async () => {
      await page.goto(`${url}/exporters/${number}?tab=interfaces`);
      await page.locator('[data-testid="interfaces"] tbody tr').filter({ hasText: '实验上联' }).getByRole('link').click();
      await page.getByRole('application').waitFor();
      await page.waitForTimeout(2500);
      await noAlert();
    });
    await photograph(`interface-${language}-${theme}`);
  }
}
await step('the system page shows services, ports and counters', async () => {
  await navigate('System');
  await page.getByRole('heading', { name: 'Network ports' }).waitFor();
  for (const name of ['Collector', 'Analyzer', 'Resources', 'Services', 'Lost and malformed']) assert((await page.getByRole('heading', { name, exact: true }).count()) === 1, name);
  assert(/\d/.test(await page.getByText(/^Records made$/).locator('xpath=following-sibling::dd').innerText()), 'records');
});
await step('discovery is switched off again', async () => {
  await page.goto(`${url}/exporters/collection`);
  await page.getByLabel(/Discovery/).uncheck();
  await button('Save').click();
  await page.getByText(/The settings are saved/).waitFor();
});
await step('a setting is changed and kept', async () => {
  await navigate('Settings');
  const home = page.getByLabel('Home networks', { exact: true });
  await home.waitFor();
  const old = await home.inputValue();
  await home.fill(`${old}\n100.64.0.0/10`);
  await button('Save').click();
  await page.getByText(/The settings are saved/).waitFor();
  await home.fill('not a network');
  await button('Save').click();
  await page.getByRole('alert').filter({ hasText: 'Not a network' }).waitFor();
  await page.reload();
  await home.waitFor();
  assert((await home.inputValue()).includes('100.64.0.0/10'), 'not kept');
});
await step('a token for metrics is shown once, reads metrics, and is taken away', async () => {
  await navigate('Settings');
  const card = page.getByTestId('metrics');
  const read = async (token) => (await context.request.get(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status();
  assert((await read('none')) === 404, 'metrics are answered without a token');
  await card.getByRole('button', { name: 'Make a new token' }).click();
  const shown = page.getByTestId('metrics-token');
  await shown.waitFor();
  const token = (await shown.innerText()).trim();
  assert(/^[0-9a-f]{64}$/.test(token), `no token: ${token}`);
  assert((await read(token)) === 200, 'the token reads nothing');
  await page.reload();
  await card.getByText('Token made').waitFor();
  assert((await shown.count()) === 0, 'the token is shown again');
  await card.getByRole('button', { name: 'Switch off' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Switch off' }).click();
  await card.getByText('there is no token').waitFor();
  assert((await read(token)) === 404, 'the token still reads');
});
async function changePassword(current, next) {
  await page.getByRole('button', { name: /^User menu/ }).click();
  await button('Change password').click();
  await page.getByLabel('Current password').fill(current);
  await page.getByLabel('New password').fill(next);
  await page.getByLabel('Once more').fill(next);
  await button('Save').last().click();
}
await step('the password is changed, but not without the current one', async () => {
  const other = `${PASSWORD} for a while`;
  await changePassword('not the password', other);
  await page.getByRole('alert').filter({ hasText: 'current password is wrong' }).waitFor();
  await button('Cancel').click();
  await changePassword(PASSWORD, other);
  await page.getByText('The password is changed').waitFor();
  await button('Close').click();
  await changePassword(other, PASSWORD);
  await page.getByText('The password is changed').waitFor();
  await button('Close').click();
  assert((await context.request.get(`${url}/api/v1/system`)).ok(), 'the own session ended');
});
await step('signing out ends the session', async () => {
  await page.getByRole('button', { name: /^User menu/ }).click();
  await button('Sign out').click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert((await context.request.get(`${url}/api/v1/system`)).status() === 401, 'still signed in');
});
await photograph('sign-in-en-dark');
await step('a wrong password is refused with a clear message', async () => {
  await page.getByLabel('Password').fill('not the password');
  await button('Sign in').click();
  await page.getByRole('alert').filter({ hasText: 'wrong' }).waitFor();
});
await step('the right password signs in again', async () => {
  await page.getByLabel('Password').fill(PASSWORD);
  await button('Sign in').click();
  await page.getByRole('navigation').first().waitFor();
});
await step('a request of another site is refused', async () => {
  const answer = await context.request.delete(`${url}/api/v1/session`, { headers: { origin: 'https://elsewhere.example' } });
  assert(answer.status() === 403, String(answer.status()));
});

const broken = await violations();
check('the content security policy was never violated', broken.length === 0, broken.join('; '));
check('the browser logged no error', problems.length === 0, problems.slice(0, 5).join('; '));
await context.close();
proxy.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
