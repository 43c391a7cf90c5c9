// What content says of traffic, as a person looks at it: applications by name, quality of service, application logs,
// capture ports side by side, and the settings behind it. The console is in Chinese, the replayed office has been seen
// for a while: it browses, resolves names, sends mail and talks on the phone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Addresses of the pages, with what is there when they are. */
export const PAGES = {
  quality: ['/quality', '[data-testid="quality"] tbody tr'],
  'quality-streams': ['/quality?kind=streams', '[data-testid="quality"] tbody tr, [data-testid="nothing"]'],
  applog: ['/applog', '[data-testid="applog"] tbody tr'],
  'applog-dns': ['/applog?kind=dns', '[data-testid="applog"] tbody tr'],
  host: ['/host?address=10.20.0.11', '[data-testid="host-apps"] tbody tr'],
  'host-span': ['/host?address=10.20.0.11&range=900', '[data-testid="host-apps"] tbody tr'],
  links: ['/links', '[data-testid="ports"] tbody tr'],
  'links-span': ['/links?range=900', '[data-testid="ports"] tbody tr'],
  domains: ['/search?kind=top&by=domain,app&scope=ports', '[data-testid="groups"] tbody tr'],
};

/** All of it but the pictures of every appearance. */
export async function layer7({ page, url, step: tried, assert, eventually, button, navigate, noAlert, pictures }) {
  const step = (what, work) =>
    tried(what, async () => {
      try {
        await work();
      } catch (error) {
        await page.screenshot({ path: join(pictures, `failed-${what.replace(/[^a-zA-Z]+/g, '-').slice(0, 60)}.png`) });
        throw error;
      }
    });
  const asked = () => new URL(page.url()).searchParams;
  const picture = (name) => page.screenshot({ path: join(pictures, `${name}-zh-light-1280.png`), fullPage: true });
  const found = () => page.getByRole('region', { name: '查询结果' });
  const settled = () => eventually('an answer', async () => (await found().count()) === 1 && (await found().getAttribute('aria-busy')) === 'false' && (await page.getByTestId('progress').count()) === 0);
  const lines = page.getByTestId('applog').locator('tbody tr:not(.detail)');
  const servers = page.getByTestId('quality').locator('tbody tr');
  /** Asks again until every line is as it should be: what was there before the question stays until its answer comes. */
  const everyLine = (what, good) =>
    eventually(what, async () => {
      await settled();
      const texts = await lines.allInnerTexts();
      if (texts.length > 0) return texts.every(good);
      await button('查询').click();
      return false;
    });

  await step('applications that are known by a name alone are in the ranking, as people call them', async () => {
    await page.goto(`${url}/analysis/apps`);
    const apps = page.locator('[data-branch="apps"]').first();
    await eventually('one of them', async () => {
      const said = await apps.locator('.called').allInnerTexts();
      if (said.some((text) => /微信|钉钉|飞书|腾讯会议|teams/.test(text))) return true;
      await button('↻ 刷新').click();
      await apps.waitFor();
      return false;
    });
    await noAlert();
  });
  await step('a record tells what its first packets said, and how well it was served', async () => {
    await page.goto(`${url}/search?scope=ports&q=${encodeURIComponent('app dns and measured')}`);
    await page.getByTestId('records').locator('tbody tr').first().waitFor();
    await settled();
    await page.getByRole('button', { name: '详情 1', exact: true }).click();
    const details = page.getByTestId('record-details');
    for (const name of ['应用识别', '识别依据', '主机名', '服务质量', '平均响应时间']) await details.getByText(name, { exact: true }).waitFor();
    await details.getByText('协议解析', { exact: true }).waitFor();
    await picture('record-layer7');
  });
  await step('traffic is searched by domain, and ranked by it', async () => {
    await page.goto(`${url}/search?scope=ports&kind=top&by=domain&q=${encodeURIComponent('domain example.com')}`);
    const groups = page.getByTestId('groups').locator('tbody tr');
    await eventually('names below it alone', async () => {
      await settled();
      const texts = await groups.locator('td.value').allInnerTexts();
      return texts.length > 0 && texts.every((text) => text.trim().endsWith('example.com'));
    });
    await noAlert();
  });

  await step('service quality lists servers with their delays', async () => {
    await navigate('服务质量');
    await page.getByRole('heading', { level: 1, name: '服务质量' }).waitFor();
    await eventually('a server whose answers were timed', async () => {
      await settled();
      const texts = await servers.allInnerTexts();
      if (texts.some((text) => /198\.51\.100\.11:53/.test(text) && /(µs|ms)/.test(text))) return true;
      await button('查询').click();
      return false;
    });
    await noAlert();
  });
  await step('servers are sorted by response time, and the address keeps it', async () => {
    await page.getByTestId('quality').getByRole('button', { name: '平均响应时间' }).click();
    await eventually('the order', async () => asked().get('sort') === 'response');
    await settled();
    const micros = (text) => {
      const at = /([\d.]+) (µs|ms|s)\b/.exec(text);
      return at === null ? -1 : Number(at[1]) * { 'µs': 1, ms: 1e3, s: 1e6 }[at[2]];
    };
    await eventually('the slowest first', async () => {
      // Flows, octets, connect of both sides, response: the fifth figure.
      const column = await servers.locator('td.right:nth-of-type(7)').allInnerTexts();
      const values = column.map(micros);
      return values.length > 1 && values.every((value, place) => place === 0 || value <= values[place - 1] + 0.01 * values[place - 1]);
    });
    await page.reload();
    await settled();
    await eventually('the same order', async () => (await page.getByRole('columnheader', { name: /平均响应时间/ }).getAttribute('aria-sort')) === 'descending');
  });
  await step('one server is shown over time and leads to its records', async () => {
    await page.goto(`${url}/quality?q=${encodeURIComponent('dport 53')}`);
    await settled();
    await servers.first().waitFor();
    const name = (await servers.first().locator('.called').innerText()).trim();
    await servers.first().locator('.called').click();
    await page.getByTestId('quality-course').getByRole('application').waitFor();
    await eventually('its name', async () => (await page.getByTestId('quality-course').innerText()).includes(name));
    await picture('quality-server');
    await page.getByTestId('quality-course').getByRole('link', { name: '流记录' }).click();
    await page.getByRole('heading', { level: 1, name: '流量检索' }).waitFor();
    await settled();
    const q = asked().get('q') ?? '';
    assert(q.includes('dport 53') && q.includes(`dst ${name.replace(/:53$/, '').replace(/^\[|\]$/g, '')}`), q);
    assert((await page.getByTestId('records').locator('tbody tr').count()) > 0, 'no records');
    await noAlert();
  });
  await step('voice streams have loss and jitter', async () => {
    await page.goto(`${url}/quality?kind=streams`);
    await eventually('a stream', async () => {
      await settled();
      const texts = await servers.allInnerTexts();
      if (texts.some((text) => text.includes(':40000') && /%/.test(text) && /ms|µs/.test(text))) return true;
      await button('查询').click();
      return false;
    });
    await picture('quality-streams');
    await noAlert();
  });
  await step('where nothing was measured the page says why', async () => {
    await page.goto(`${url}/quality?q=${encodeURIComponent('host 192.0.2.250')}`);
    await page.getByTestId('nothing').getByText(/TCP 握手/).waitFor();
    await noAlert();
  });

  await step('application logs have lines of DNS, HTTP, TLS and mail', async () => {
    await navigate('应用日志');
    await page.getByRole('heading', { level: 1, name: '应用日志' }).waitFor();
    for (const [kind, name] of [['dns', 'DNS'], ['http', 'HTTP'], ['tls', 'TLS'], ['mail', '邮件']]) {
      await page.getByRole('group', { name: '类型' }).getByRole('button', { name, exact: true }).click();
      await eventually('the kind in the address', async () => asked().get('kind') === kind);
      await everyLine(`lines of ${kind} alone`, (text) => text.includes(name));
    }
    await noAlert();
  });
  await step('they are searched by client, name and outcome', async () => {
    await page.goto(`${url}/applog?kind=dns`);
    await page.getByLabel('结果', { exact: true }).fill('NXDOMAIN');
    await page.getByLabel('服务端名称', { exact: true }).fill('no-such');
    await button('查询').click();
    await eventually('the outcome in the address', async () => asked().get('code') === 'NXDOMAIN');
    await everyLine('names that are not there alone', (text) => text.includes('NXDOMAIN') && text.includes('no-such'));
    const client = (await lines.first().locator('td.client').innerText()).trim();
    await lines.first().locator('td.client button').click();
    await eventually('the client in the address', async () => asked().get('client') === client);
    await everyLine('lines of the client alone', (text) => text.includes(client) && text.includes('NXDOMAIN'));
    await page.getByLabel('只看失败').check();
    await everyLine('failures alone', (text) => text.includes('! NXDOMAIN'));
    await noAlert();
  });
  await step('a line opens to all its fields and leads to its flow', async () => {
    await page.goto(`${url}/applog?kind=http&code=404`);
    await everyLine('pages that are not there alone', (text) => text.includes('404'));
    await page.getByRole('button', { name: '详情 1', exact: true }).click();
    const details = page.getByTestId('applog-details');
    for (const name of ['请求方法', '请求路径', '状态码', '响应时间', '客户端', '服务端', '服务端软件']) await details.getByText(name, { exact: true }).waitFor();
    await picture('applog-line');
    await page.getByRole('link', { name: '查看对应的流记录' }).click();
    await page.getByRole('heading', { level: 1, name: '流量检索' }).waitFor();
    await eventually('its record', async () => {
      await settled();
      if ((await page.getByTestId('records').locator('tbody tr').count()) > 0) return true;
      await button('查询').click();
      return false;
    });
    await noAlert();
  });
  await step('they are taken away as CSV', async () => {
    await page.goto(`${url}/applog?kind=http`);
    await everyLine('lines of HTTP', (text) => text.includes('HTTP'));
    const coming = page.waitForEvent('download');
    await page.getByRole('link', { name: '导出 CSV' }).click();
    const file = await coming;
    const text = readFileSync(await file.path(), 'utf8');
    assert(file.suggestedFilename() === 'applog.csv' && text.startsWith('\ufefftime,kind,link,client,server,') && text.includes('www.example.com'), text.slice(0, 300));
  });
  await step('where nothing matches the page says where application logs come from', async () => {
    await page.goto(`${url}/applog?client=192.0.2.250`);
    await page.getByTestId('nothing').getByText(/采集口看到/).waitFor();
    await page.goto(`${url}/applog?client=nobody`);
    await page.getByRole('alert').waitFor();
  });

  await step('a host of the overview leads to its applications, names and transactions', async () => {
    await page.goto(url);
    const host = page.getByRole('region', { name: '主机', exact: true }).locator('a.name').filter({ hasText: '10.20.0.' }).first();
    await eventually('a host', async () => (await host.count()) > 0);
    const address = (await host.innerText()).trim();
    await host.click();
    await eventually('its page', async () => (await page.getByTestId('host').innerText().catch(() => '')) === address && asked().get('address') === address);
    const apps = page.getByTestId('host-apps').locator('tbody tr');
    await eventually('an application with a name and a response time', async () => {
      const texts = await apps.allInnerTexts();
      return texts.some((text) => /example\.(com|net|org)/.test(text) && /(µs|ms)/.test(text));
    });
    await lines.first().waitFor();
    const texts = await lines.locator('td.client').allInnerTexts();
    assert(texts.length > 0 && texts.every((text) => text.trim() === address), `clients ${texts.join()}`);
    await noAlert();
  });
  await step('the same host is looked at over a span, and leads to its records of a name', async () => {
    await button('一段时间').click();
    await eventually('the span', async () => asked().get('range') === '3600');
    const name = page.getByTestId('host-apps').locator('td.names a').first();
    await name.waitFor();
    const text = (await name.innerText()).trim();
    const address = asked().get('address');
    await name.click();
    await page.getByRole('heading', { level: 1, name: '流量检索' }).waitFor();
    await settled();
    const q = asked().get('q') ?? '';
    assert(q.includes(`host ${address}`) && q.includes(`domain ${text}`), q);
    assert((await page.getByTestId('records').locator('tbody tr').count()) > 0, 'no records');
    await page.goto(`${url}/host?address=192.0.2.250`);
    await page.getByTestId('nothing').getByText(/没有该主机的流记录/).waitFor();
    await noAlert();
  });

  await step('links shows the port live, with sizes and kinds of frames', async () => {
    await navigate('链路');
    const ports = page.getByTestId('ports');
    await eventually('frames', async () => /帧速率\s*[1-9]/.test(await ports.innerText().catch(() => '')));
    for (const name of ['单播', '组播', '广播', '1024–1518', 'CRC 错误', '采集环满', '时间戳']) await ports.getByRole('rowheader', { name, exact: true }).waitFor();
    await eventually('frames of a size', async () => /[1-9]/.test(await ports.getByRole('row').filter({ hasText: '1024–1518' }).first().innerText().then((text) => text.replace('1024–1518', ''))));
    await page.getByTestId('rings').locator('tbody tr').first().waitFor();
    await page.getByRole('application').waitFor();
    await noAlert();
  });
  await step('links shows a span, kept in the address', async () => {
    await button('一段时间').click();
    await eventually('the span', async () => asked().get('range') !== null);
    const ports = page.getByTestId('ports');
    await eventually('frames', async () => /帧速率\s*[1-9]/.test(await ports.innerText().catch(() => '')));
    await page.reload();
    await ports.waitFor();
    await page.getByRole('group', { name: '指标' }).getByRole('button', { name: '包速率' }).click();
    await eventually('the measure', async () => asked().get('chart') === 'packets');
    await noAlert();
  });

  await step('a wrong signature is refused with its place, a right one is kept', async () => {
    await navigate('设置');
    const area = page.locator('#signatures');
    await area.waitFor();
    await area.fill('# ours\napp https host erp.example.com\napp nobody-knows-it host x.example\n');
    await button('保存').click();
    await page.getByTestId('signature-problem').getByText(/第 3 行第 \d+ 个字符/).waitFor();
    await picture('signature-wrong');
    await area.fill('# ours\napp postgresql host www.example.com\n');
    await button('检查').click();
    await page.getByText('可以读取，共 1 条规则').waitFor();
    await button('保存').click();
    await page.getByText(/设置已保存/).waitFor();
    await page.reload();
    await area.waitFor();
    assert((await area.inputValue()).includes('host www.example.com'), 'not kept');
  });
  await step('new flows are known by the new signature', async () => {
    await eventually('a record', async () => {
      await page.goto(`${url}/search?scope=ports&range=900&q=${encodeURIComponent('app postgresql and domain www.example.com')}`);
      await settled();
      return (await page.getByTestId('records').locator('tbody tr').count()) > 0;
    });
    await page.goto(`${url}/settings`);
    await page.locator('#signatures').fill('');
    await button('保存').click();
    await page.getByText(/设置已保存/).waitFor();
    await noAlert();
  });
  await step('rings of a port are set and shown', async () => {
    await page.goto(`${url}/settings`);
    const field = page.getByLabel(/采集环数$/).first();
    await field.or(page.getByText('没有采集口。')).waitFor();
    // Without a virtual machine the port is none of this machine's own, which the settings list.
    if ((await field.count()) === 0) return;
    await field.fill('0');
    await button('保存').click();
    await page.getByRole('alert').getByText(/1.*64/).waitFor();
    await field.fill('3');
    await button('保存').click();
    await page.getByText(/设置已保存/).waitFor();
    await page.reload();
    await field.waitFor();
    assert((await field.inputValue()) === '3', `kept ${await field.inputValue()}`);
    await page.goto(`${url}/links`);
    await eventually('three rings', async () => (await page.getByTestId('rings').locator('tbody tr').count()) >= 3);
    await page.goto(`${url}/settings`);
    await field.fill('');
    await button('保存').click();
    await page.getByText(/设置已保存/).waitFor();
    await noAlert();
  });
  await step('application logs are switched off and on, and kept apart from messages', async () => {
    const box = page.getByLabel('生成应用日志');
    await box.uncheck();
    await button('保存').click();
    await page.getByText(/设置已保存/).waitFor();
    await page.reload();
    await box.waitFor();
    assert(!(await box.isChecked()), 'not kept');
    await box.check();
    await button('保存').click();
    await page.getByText(/设置已保存/).waitFor();
    await page.goto(`${url}/storage`);
    await page.getByTestId('storage').getByRole('rowheader', { name: /^应用日志/ }).waitFor();
    assert((await page.getByLabel('应用日志保留时长').inputValue()) === '30', 'not 30 days');
    await noAlert();
  });
}
