// Flow search, analysis, objects and storage, as a person uses them. The console is in Chinese, and records of the
// replayed office are stored.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Addresses of the new pages, with what is there when they are. */
export const PAGES = {
  search: ['/search?form=1', '[data-testid="records"] tbody tr'],
  'search-top': ['/search?kind=top&by=src_ip,app&scope=ports&compare=1', '[data-testid="groups"] tbody tr'],
  'search-series': ['/search?kind=series&by=app&scope=ports', '[data-testid="figures"] tbody tr'],
  'search-totals': ['/search?kind=totals&scope=ports&compare=1', '[data-testid="totals"]'],
  'search-wrong': ['/search?q=srx+10.0.0.1', '[data-testid="filter-problem"]'],
  trend: ['/analysis', '[data-testid="trend"]'],
  hosts: ['/analysis/hosts', '[data-branch="hosts"] tbody tr'],
  applications: ['/analysis/apps', '[data-branch="apps"] tbody tr'],
  sessions: ['/analysis/sessions', '[data-branch="conversations"] tbody tr'],
  tuples: ['/analysis/sessions?kind=tuples', '[data-branch="tuples"] tbody tr'],
  unknown: ['/analysis/unknown', '[data-branch="unknown-port"]'],
  businesses: ['/analysis/businesses', '[data-branch="business"]'],
  groups: ['/analysis/groups', '[data-branch="ip_group"]'],
  objects: ['/objects/ip_groups', '[data-testid="objects"] tbody tr'],
  storage: ['/storage', '[data-testid="storage"] tbody tr'],
};

/** All of it but the pictures. `number`: the exporter that was registered, or null. */
export async function flows({ page, url, step: tried, assert, eventually, button, navigate, noAlert, pictures, patience, number }) {
  // What a step that failed left open is not in the way of the next.
  const step = (what, work) =>
    tried(what, async () => {
      try {
        await work();
      } catch (error) {
        await page.screenshot({ path: join(pictures, `failed-${what.replace(/[^a-zA-Z]+/g, '-').slice(0, 60)}.png`) });
        await page.goto(`${url}/search`);
        throw error;
      }
    });
  const filter = page.locator('#filter');
  const asked = () => new URL(page.url()).searchParams;
  const records = page.getByTestId('records').locator('tbody tr:not(.detail)');
  /** What was there before the question stays until its answer comes. */
  const everyRow = (what, good) =>
    eventually(what, async () => {
      const texts = await records.allInnerTexts();
      return texts.length > 0 && texts.every(good);
    });
  const groups = page.getByTestId('groups').locator('tbody tr');
  const read = page.getByTestId('read');
  const found = () => page.getByRole('region', { name: '查询结果' });
  const settled = () => eventually('an answer', async () => (await found().count()) === 1 && (await found().getAttribute('aria-busy')) === 'false' && (await page.getByTestId('progress').count()) === 0);
  const picture = (name) => page.screenshot({ path: join(pictures, `${name}-zh-light-1280.png`) });
  /** A question asked as the pages do; the answer once it is there. */
  const ask = (of, q = '') =>
    page.evaluate(
      async ([of, q]) => {
        const headers = { 'content-type': 'application/json' };
        const now = Math.ceil(Date.now() / 1000);
        const body = JSON.stringify({ from: (now - 3600) * 1e9, to: now * 1e9, scope: 'ports', filter: q, ask: of, timeout_ms: 30000 });
        const { id } = await (await fetch('/api/v1/queries', { method: 'POST', headers, body })).json();
        for (;;) {
          const state = await (await fetch(`/api/v1/queries/${id}?wait=2000`)).json();
          if (!state.done) continue;
          await fetch(`/api/v1/queries/${id}`, { method: 'DELETE' });
          return state.answer;
        }
      },
      [of, q],
    );
  async function search(text) {
    await filter.fill(text);
    await filter.press('Escape');
    await filter.press('Enter');
    await eventually('the filter in the address', async () => (asked().get('q') ?? '') === text);
    await settled();
  }
  async function menu(value, choice) {
    await value.click();
    const box = page.getByTestId('value-menu');
    await box.getByRole('button', { name: choice }).click();
    await box.waitFor({ state: 'hidden' });
    await settled();
  }

  await step('flow search shows the stored records, the newest first, and what it read for them', async () => {
    await navigate('流量检索');
    await page.getByRole('heading', { level: 1, name: '流量检索' }).waitFor();
    // Records are there when the first flows were reported.
    await eventually('records', async () => {
      if ((await records.count()) > 0) return true;
      await button('查询').click();
      await settled();
      return (await records.count()) > 0;
    });
    assert(/读取 .*个块.*条记录.*用时.*秒.*精确/.test(await read.innerText()), await read.innerText());
    await page.getByRole('region', { name: '随时间变化' }).waitFor();
    await noAlert();
  });
  await step('conditions in the form become the filter, and the filter fills the form', async () => {
    await button('条件表单 ▾').click();
    const form = page.getByTestId('conditions');
    await form.getByLabel('目的端口', { exact: true }).fill('53');
    await form.getByLabel('目的端口', { exact: true }).press('Tab');
    await form.getByLabel('协议', { exact: true }).fill('udp');
    await form.getByLabel('协议', { exact: true }).press('Enter');
    await eventually('the filter in the address', async () => asked().get('q') === 'dport 53 and proto udp');
    assert((await filter.inputValue()) === 'dport 53 and proto udp', await filter.inputValue());
    await settled();
    await everyRow('rows of DNS over UDP alone', (row) => /:53\s/.test(row) && row.includes('UDP'));
    await filter.fill('src 10.20.0.0/24 and dport 443 and (app https or bytes > 1M)');
    assert((await form.getByLabel('源地址', { exact: true }).inputValue()) === '10.20.0.0/24', 'the source is not in the form');
    assert((await form.getByLabel('目的端口', { exact: true }).inputValue()) === '443', 'the port is not in the form');
    await form.getByText('(app https or bytes > 1M)').waitFor();
    await page.screenshot({ path: join(pictures, 'search-form-zh-light-1280.png'), fullPage: true });
    await button('条件表单 ▴').click();
  });
  await step('a filter typed as text finds what it says, and nothing else', async () => {
    await search('src 10.20.0.0/24 and app https');
    await everyRow('rows of the office over HTTPS alone', (row) => /10\.20\.0\.\d+/.test(row) && row.includes('https'));
    await search('host 192.0.2.250');
    await page.getByTestId('nothing').waitFor();
  });
  await step('a wrong filter is underlined where it is wrong, and the suggestion mends it', async () => {
    await filter.fill('host 10.20.0.11 and dprot 443');
    await page.getByTestId('filter-problem').waitFor();
    assert((await page.getByTestId('filter-mark').innerText()) === 'dprot', await page.getByTestId('filter-mark').innerText());
    await picture('filter-wrong');
    await page.getByTestId('filter-problem').getByRole('button').click();
    await page.getByTestId('filter-problem').waitFor({ state: 'detached' });
    assert((await filter.inputValue()) === 'host 10.20.0.11 and dport 443', await filter.inputValue());
    await filter.press('Escape');
    await filter.press('Enter');
    await settled();
    await filter.fill('src 10.20.0.0/33');
    await page.getByTestId('filter-problem').waitFor();
    await filter.press('Escape');
    await filter.press('Enter');
    await page.getByRole('alert').waitFor();
  });
  await step('a filter is completed with the keyboard', async () => {
    await filter.fill('');
    await filter.pressSequentially('app htt');
    const list = page.getByRole('listbox', { name: '补全' });
    await list.getByRole('option', { name: /^https\b/ }).waitFor();
    await picture('filter-completion');
    await filter.press('ArrowDown');
    const chosen = await list.locator('[aria-selected="true"] .mono').innerText();
    await filter.press('Tab');
    assert((await filter.inputValue()).trim() === `app ${chosen}`, await filter.inputValue());
    await filter.pressSequentially('and dpo');
    await list.getByRole('option', { name: /^dport/ }).waitFor();
    await filter.press('Tab');
    assert((await filter.inputValue()).trim() === `app ${chosen} and dport`, await filter.inputValue());
    await filter.press('Escape');
  });
  await step('a click on a value adds it to the filter, or leaves it out', async () => {
    await search('app dns');
    const source = records.first().locator('td.end').first().getByRole('button').first();
    const address = await source.innerText();
    await menu(source, '加入条件（并且）');
    assert(asked().get('q') === `app dns and src ${address}`, page.url());
    await everyRow('rows of the source alone', (row) => row.includes(address));
    await search('app dns');
    await menu(records.first().locator('td.end').first().getByRole('button').first(), '排除（并且不是）');
    assert(asked().get('q').startsWith('app dns and not src '), page.url());
    await page.goBack();
    await eventually('the search before', async () => asked().get('q') === 'app dns');
    await settled();
    assert((await filter.inputValue()) === 'app dns', await filter.inputValue());
  });
  await step('a record opens all its fields', async () => {
    await page.goto(`${url}/search?scope=ports&q=app+dns`);
    await records.first().waitFor();
    await settled();
    await page.getByRole('button', { name: '详情 1', exact: true }).click();
    const details = page.getByTestId('record-details');
    for (const name of ['开始时间', '源 MAC', '结束原因', 'DSCP']) await details.getByText(name, { exact: true }).waitFor();
    await picture('record');
  });
  if (number !== null) {
    await step("an exporter's record shows what the exporter said besides", async () => {
      await page.goto(`${url}/search?scope=exporters`);
      await eventually('records', async () => {
        if ((await records.count()) > 0) return true;
        await button('查询').click();
        await settled();
        return (await records.count()) > 0;
      });
      await settled();
      await page.getByRole('button', { name: '详情 1', exact: true }).click();
      await page.getByTestId('record-details').getByText('网元提供的字段').waitFor();
      await page.getByTestId('record-details').getByText('观测域', { exact: true }).waitFor();
    });
  }
  await step('records are paged and sorted by columns, and the address keeps it all', async () => {
    await page.goto(`${url}/search?scope=ports`);
    await settled();
    await page.getByTestId('records').getByRole('button', { name: '字节', exact: true }).click();
    await eventually('the order', async () => asked().get('order') === 'bytes');
    await settled();
    const first = await records.first().innerText();
    await button('下一页 ›').click();
    await eventually('the page', async () => asked().get('page') === '2');
    await settled();
    await page.getByText('第 51–', { exact: false }).waitFor();
    await button('‹ 上一页').click();
    await settled();
    assert((await records.first().innerText()) === first, 'the first page changed');
  });
  await step('a ranking by source and application, compared with before, is the same after loading again', async () => {
    await page.getByRole('group', { name: '查询方式' }).getByRole('button', { name: '排行' }).click();
    await groups.first().waitFor();
    await page.getByLabel('添加维度').selectOption('app');
    await eventually('the keys', async () => asked().get('by') === 'src_ip,app');
    await page.getByLabel('与前一时段比较').check();
    await settled();
    await page.getByRole('columnheader', { name: '前一时段' }).waitFor();
    // A span that is over has one answer, once its last flows were reported: 30 s after their last packet.
    const end = new Date(Date.now() - 1000);
    await button('指定时间').click();
    await page.getByLabel('到（').fill(await page.evaluate((ms) => new Date(ms - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 19), end.getTime()));
    await button('确定').click();
    await eventually('the span', async () => asked().get('from') !== null && asked().get('to') !== null);
    await settled();
    let before = [];
    await eventually('the last flows of the span', async () => {
      await button('查询').click();
      await settled();
      const now = await groups.allInnerTexts();
      const same = Date.now() > end.getTime() + 60_000 && JSON.stringify(now) === JSON.stringify(before);
      before = now;
      return same;
    }, 120_000 + patience);
    assert(before.length > 2, `${before.length} rows`);
    await page.reload();
    await settled();
    await eventually('the same ranking', async () => JSON.stringify(before) === JSON.stringify(await groups.allInnerTexts()));
    await page.getByRole('columnheader', { name: '流记录' }).getByRole('button').click();
    assert((await page.getByRole('columnheader', { name: '流记录' }).getAttribute('aria-sort')) === 'descending', 'not sorted');
    await noAlert();
  });
  await step('a ranking adds up to the totals of the same span', async () => {
    const top = await ask({ top: { by: ['direction'], measure: 'bytes', limit: 10 } });
    const sum = top.found.top.rows.reduce((all, row) => all + row.sums.bytes + row.sums.bytes_rev, 0);
    const { total } = top.found.top;
    assert(top.complete && sum === total.bytes + total.bytes_rev && sum > 0, `${sum} of ${JSON.stringify(total)}`);
  });
  await step('a series by application is drawn in parts, with its figures', async () => {
    await page.goto(`${url}/search?scope=ports&kind=series&by=app`);
    const figures = page.getByTestId('figures').locator('tbody tr');
    await eventually('https', async () => (await figures.allInnerTexts()).some((row) => row.startsWith('https')));
    await page.getByRole('application').waitFor();
    await page.getByLabel('每点时长').selectOption('60');
    await eventually('minutes', async () => (await page.getByRole('application').getAttribute('data-step')) === '60');
    await noAlert();
  });
  await step('totals count different values', async () => {
    await page.goto(`${url}/search?scope=ports&kind=totals&by=src_ip,app&compare=1`);
    const totals = page.getByTestId('totals');
    await totals.getByText('不同的源地址').waitFor();
    assert(/[1-9]/.test(await totals.innerText()), await totals.innerText());
  });
  await step('what was found is taken away as CSV and JSON', async () => {
    await page.goto(`${url}/search?scope=ports&kind=top&by=src_ip`);
    await groups.first().waitFor();
    await settled();
    const host = await groups.first().locator('td.value').innerText();
    for (const [name, kind] of [['导出 CSV', 'csv'], ['导出 JSON', 'json']]) {
      const coming = page.waitForEvent('download', { timeout: patience });
      await button(name).click();
      const file = await coming;
      const text = readFileSync(await file.path(), 'utf8');
      assert(file.suggestedFilename() === `flows.${kind}` && text.includes(host), `${file.suggestedFilename()}: ${text.slice(0, 200)}`);
      if (kind === 'json') JSON.parse(text);
      await eventually('the button again', async () => button(name).isEnabled());
    }
    await noAlert();
  });

  await step('the analysis shows the trend with its figures, and the period before', async () => {
    await navigate('流量分析');
    const trend = page.getByTestId('trend');
    await trend.waitFor();
    for (const name of ['流量', '包速率', '流速率', '链路利用率']) await trend.getByRole('region', { name, exact: true }).waitFor();
    await page.getByText('前一时段', { exact: true }).first().waitFor();
    await page.getByRole('region', { name: '构成' }).waitFor();
    await noAlert();
  });
  await step('a host opens into its applications and these into peers, and that leads to the flows', async () => {
    await page.getByRole('link', { name: '主机', exact: true }).click();
    const tree = page.locator('[data-branch="hosts"]').first();
    const row = tree.locator('tbody tr').first();
    await row.waitFor();
    const host = (await row.locator('.called').innerText()).trim();
    await row.getByRole('button', { name: `展开 ${host}` }).click();
    const apps = page.getByRole('region', { name: `${host}: 应用` });
    const app = (await apps.locator('.called').first().innerText()).trim();
    await apps.getByRole('button', { name: `展开 ${app}` }).click();
    const peers = page.getByRole('region', { name: `${app}: 对端` });
    await peers.locator('.called').first().waitFor();
    await eventually('what it sent', async () => /B/.test(await row.locator('.out').innerText()));
    await page.screenshot({ path: join(pictures, 'drill-zh-light-1280.png'), fullPage: true });
    await page.reload();
    await peers.locator('.called').first().waitFor();
    const peer = (await peers.locator('.called').first().innerText()).trim();
    await peers.getByRole('link', { name: `检索 ${peer}` }).click();
    await page.getByRole('heading', { level: 1, name: '流量检索' }).waitFor();
    await settled();
    const q = asked().get('q') ?? '';
    assert(q.includes(host) && q.includes(peer), q);
    await everyRow('flows of both alone', (row) => row.includes(host) && row.includes(peer));
    await noAlert();
  });
  await step('applications, sessions and the rest have their rankings', async () => {
    for (const [path, branch] of [['apps', 'apps'], ['sessions', 'conversations'], ['sessions?kind=tuples', 'tuples'], ['businesses', 'business'], ['groups', 'ip_group'], ['interfaces?scope=exporters', 'interface']]) {
      await page.goto(`${url}/analysis/${path}`);
      const tree = page.locator(`[data-branch="${branch}"]`).first();
      await eventually(branch, async () => (await tree.locator('tbody tr, .empty').count()) > 0);
      await noAlert();
    }
  });

  const NAME = 'lab-office';
  await step('an unknown application is defined: old records bear its name when asked about', async () => {
    await page.goto(`${url}/analysis/unknown`);
    const row = page.locator('[data-branch="unknown-port"] tbody tr').filter({ hasText: 'UDP' }).first();
    await row.waitFor();
    const called = (await row.locator('.called').innerText()).trim();
    const port = /\d+$/.exec(called)[0];
    await row.getByRole('button', { name: '定义' }).click();
    const dialog = page.getByRole('dialog');
    assert((await dialog.getByLabel('协议').inputValue()) === '17', 'the protocol is not filled in');
    assert((await dialog.getByLabel('端口', { exact: true }).inputValue()) === port, 'the port is not filled in');
    await dialog.getByLabel('名称').fill('dns');
    await dialog.getByRole('button', { name: '保存' }).click();
    // The firmware's own names cannot be taken; what is wrong stands at the field.
    await dialog.locator('#bad-name').waitFor();
    await picture('define');
    await dialog.getByLabel('名称').fill(NAME);
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText(/应用已定义/).waitFor();
    await eventually('that it is no longer unknown', async () => {
      if (!(await page.locator('[data-branch="unknown-port"] .called').allInnerTexts()).some((text) => text.trim() === called)) return true;
      await button('↻ 刷新').click();
      await page.locator('[data-branch="unknown-port"]').waitFor();
      return false;
    });
    await eventually('old records under the new name', async () => {
      const { found } = await ask({ records: { limit: 1000 } }, `app ${NAME}`);
      return found.records.records.some((record, place) => record.app === 0 && found.records.apps[place] > 0x8000);
    });
    await page.goto(`${url}/search?scope=ports&q=${encodeURIComponent(`app ${NAME}`)}`);
    await records.first().waitFor();
    assert((await records.first().innerText()).includes(NAME), await records.first().innerText());
    await noAlert();
  });
  await step('new records bear the name of their own', async () => {
    await eventually('a record', async () => {
      const { found } = await ask({ records: { limit: 1000 } }, `app ${NAME}`);
      return found.records.records.some((record) => record.app > 0x8000);
    }, 4 * patience);
  });

  await step('an IP group is added, refused where it is wrong, changed, used and removed', async () => {
    await navigate('对象');
    await page.getByRole('cell', { name: NAME, exact: true }).waitFor();
    await page.getByRole('link', { name: 'IP 组', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: /添加 IP 组/ }).click();
    await dialog.getByLabel('名称').fill('测试 客户端');
    await dialog.getByLabel('地址', { exact: true }).fill('10.20.0.11\n10.20.0.300');
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.locator('#bad-addresses').waitFor();
    await picture('object-wrong');
    await dialog.getByLabel('地址', { exact: true }).fill('10.20.0.11-10.20.0.13\nfd20::/64');
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.waitFor({ state: 'detached' });
    const row = page.getByTestId('objects').getByRole('row').filter({ hasText: '测试 客户端' });
    await row.getByText('10.20.0.11-10.20.0.13').waitFor();
    await row.getByRole('button', { name: /^编辑/ }).click();
    await dialog.getByLabel('地址', { exact: true }).fill('10.20.0.0/24\nfd20::/64');
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.waitFor({ state: 'detached' });
    await row.getByText('10.20.0.0/24').waitFor();
    await row.getByRole('link', { name: /流量/ }).click();
    await settled();
    assert(asked().get('q') === 'host group "测试 客户端"', page.url());
    assert((await records.count()) > 0, 'nothing is found');
    await page.goto(`${url}/analysis/groups`);
    await eventually('the group in the ranking', async () => (await page.locator('[data-branch="ip_group"] .called').allInnerTexts()).some((text) => text.includes('测试 客户端')));
    await noAlert();
  });
  await step('a business, an interface group and a link group are made', async () => {
    const dialog = page.getByRole('dialog');
    await page.goto(`${url}/objects/businesses`);
    await page.getByRole('button', { name: /添加业务/ }).click();
    await dialog.getByLabel('名称').fill('门户网站');
    await dialog.getByLabel('协议').selectOption('6');
    await dialog.getByLabel('端口', { exact: true }).fill('80\n443');
    await dialog.getByLabel('地址', { exact: true }).fill('198.51.100.0/24');
    await dialog.getByRole('button', { name: '再加一条' }).click();
    await dialog.locator('#ob-addresses-1').fill('2001:db8:100::/64');
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('cell', { name: '门户网站', exact: true }).waitFor();
    if (number !== null) {
      await page.goto(`${url}/objects/interface_groups`);
      await page.getByRole('button', { name: /添加接口组/ }).click();
      await dialog.getByLabel('名称').fill('uplinks');
      await dialog.getByLabel('网元').selectOption({ label: 'lab-router' });
      const choice = dialog.getByLabel('接口', { exact: true });
      await eventually('an interface to choose', async () => (await choice.locator('option').count()) > 1);
      await choice.selectOption({ index: 1 });
      await dialog.getByRole('button', { name: '加入' }).click();
      await dialog.getByRole('button', { name: '保存' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('cell', { name: 'uplinks', exact: true }).waitFor();
    }
    await page.goto(`${url}/objects/link_groups`);
    await page.getByRole('button', { name: /添加链路组/ }).click();
    await dialog.getByLabel('名称').fill('campus');
    await dialog.getByRole('checkbox').first().check();
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.waitFor({ state: 'detached' });
    const row = page.getByTestId('objects').getByRole('row').filter({ hasText: 'campus' });
    await row.getByRole('button', { name: /^删除/ }).click();
    await dialog.getByRole('button', { name: '删除' }).click();
    await page.getByText('还没有对象').waitFor();
    await page.goto(`${url}/search?scope=ports&q=${encodeURIComponent('business "门户网站"')}`);
    await settled();
    assert((await records.count()) > 0, 'no flows of the business');
    await noAlert();
  });
  await step('what is kept is shown by class, and its limits are changed', async () => {
    await navigate('存储');
    const table = page.getByTestId('storage');
    for (const name of ['流记录', '秒级统计', '分钟级统计', '小时与日汇总', '日志']) await table.getByRole('rowheader', { name: new RegExp(`^${name}`) }).waitFor();
    const age = page.getByLabel('流记录保留时长');
    const old = await age.inputValue();
    await age.fill('0');
    await button('保存').click();
    await page.getByRole('alert').filter({ hasText: '1–3650' }).waitFor();
    await age.fill('120');
    await page.getByLabel('日志最多占用', { exact: true }).fill('20');
    await button('保存').click();
    await page.getByText('保留策略已保存').waitFor();
    await page.reload();
    await table.waitFor();
    assert((await age.inputValue()) === '120' && (await page.getByLabel('日志最多占用', { exact: true }).inputValue()) === '20', 'not kept');
    await age.fill(old);
    await page.getByLabel('日志最多占用', { exact: true }).fill('');
    await button('保存').click();
    await page.getByText('保留策略已保存').waitFor();
    await noAlert();
  });
  await step('a database of countries is imported, used and removed', async () => {
    const csv = '198.51.100.0,198.51.100.255,NL\n203.0.113.0,203.0.113.255,JP\n2001:db8:100::,2001:db8:1ff:ffff:ffff:ffff:ffff:ffff,NL\n';
    await page.getByLabel('数据库文件').setInputFiles({ name: 'countries.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
    await button('导入').click();
    await page.getByText('已导入 3 个地址段').waitFor();
    await page.getByText(/countries\.csv：3 个地址段/).waitFor();
    await page.goto(`${url}/search?scope=ports&kind=top&by=dst_country`);
    await eventually('the Netherlands', async () => (await groups.allInnerTexts()).some((text) => text.includes('荷兰 (NL)')));
    await page.goto(`${url}/storage`);
    await button('删除国家数据库').click();
    await page.getByRole('dialog').getByRole('button', { name: '删除' }).click();
    await page.getByText('没有导入').waitFor();
    await noAlert();
  });
  await step('the overview leads to a host, and that to its flows', async () => {
    await page.goto(`${url}/`);
    const host = page.getByRole('region', { name: '主机', exact: true }).getByRole('link').first();
    await host.waitFor();
    const name = await host.innerText();
    await host.click();
    await eventually('its page', async () => (await page.getByTestId('host').innerText().catch(() => '')) === name);
    await page.getByRole('link', { name: '流记录', exact: true }).first().click();
    await page.getByRole('heading', { level: 1, name: '流量检索' }).waitFor();
    await eventually('the condition', async () => asked().get('q') === `host ${name}`);
    await noAlert();
  });
}
