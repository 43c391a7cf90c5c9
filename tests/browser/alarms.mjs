// The alarm list: what is open with its badge, what was with its filter in the address. The console is in Chinese.

/** Addresses of the page, with what is there when it is. */
export const PAGES = {
  alarms: ['/alarms', '[data-testid="history"], .history p.muted'],
};

/** All of it but the pictures of every appearance. */
export async function alarms({ page, url, step, assert, eventually, navigate, noAlert, request }) {
  const history = page.getByRole('region', { name: '历史告警' });
  const open = page.getByTestId('open');

  await step('the alarm page lists what is open, and badge and overview count the same', async () => {
    await navigate(/^告警/);
    await page.getByRole('heading', { level: 1, name: '告警' }).waitFor();
    await history.waitFor();
    const counts = await request('alarms/count');
    const n = counts.critical + counts.warning;
    await eventually('as many as are counted', async () => {
      const now = await request('alarms/count');
      return (await open.locator('li').count()) === now.critical + now.warning;
    });
    if (n > 0) await eventually('the badge', async () => (await page.getByTestId('alarm-badge').count()) === 1);
    else await page.getByText('当前没有告警').waitFor();
    await navigate(/^概览$/);
    await eventually('the overview counts them', async () => /无告警|\d+ 条未恢复告警/.test(await page.getByTestId('open-alarms').innerText()));
    await page.getByTestId('open-alarms').click();
    await page.getByRole('heading', { level: 1, name: '告警' }).waitFor();
    await noAlert();
  });
  await step('open alarms say what to do, and one that was seen says by whom', async () => {
    const entries = await open.locator('li').all();
    for (const entry of entries) assert(/(严重|警告)/.test(await entry.innerText()), await entry.innerText());
    const button = open.getByRole('button', { name: '确认' }).first();
    if ((await button.count()) === 0) return;
    const left = await open.getByRole('button', { name: '确认' }).count();
    await button.click();
    await eventually('one less to acknowledge', async () => (await open.getByRole('button', { name: '确认' }).count()) < left);
    await open.getByText('admin 已确认').first().waitFor();
    await noAlert();
  });
  await step('the filter of the history lives in the address, and back undoes it', async () => {
    await history.getByLabel('级别').selectOption('critical');
    await history.getByLabel('关键字').fill('no such alarm');
    await history.getByRole('button', { name: '查询' }).click();
    await history.getByText('该时间段内没有已恢复的告警').waitFor();
    const search = new URL(page.url()).searchParams;
    assert(search.get('severity') === 'critical' && search.get('text') === 'no such alarm', page.url());
    await history.getByRole('button', { name: '7 天' }).click();
    assert(new URL(page.url()).searchParams.get('range') === '604800', page.url());
    await page.goBack();
    await page.goBack();
    assert(new URL(page.url()).searchParams.get('text') === null, page.url());
    assert((await history.getByLabel('关键字').inputValue()) === '', 'what was typed stays');
    assert((await page.goto(`${url}/alarms?source=hardware&text=bay`)).ok(), 'the address');
    await eventually('the filter of the address', async () => (await history.getByLabel('关键字').inputValue()) === 'bay');
    await noAlert();
  });
}
