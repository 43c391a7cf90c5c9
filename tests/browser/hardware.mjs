// The hardware page: the chassis with its parts, drives, readings over time, what is wrong. The console is in Chinese.

/** Addresses of the page, with what is there when it is. */
export const PAGES = {
  hardware: ['/hardware', '[data-testid="chassis-rear"] [data-part]'],
  'hardware-part': ['/hardware?part=bay+1', '[data-testid="part"]'],
};

/** All of it but the pictures of every appearance. */
export async function hardware({ page, url, step, assert, eventually, navigate, noAlert }) {
  const front = page.getByTestId('chassis-front');
  const readings = page.getByRole('region', { name: '全部读数' });

  await step('the hardware page draws eight bays, supplies and ports, each in its state', async () => {
    await navigate(/^硬件$/);
    await page.getByRole('heading', { level: 1, name: /^硬件/ }).waitFor();
    await front.locator('[data-part]').first().waitFor();
    assert((await front.locator('[data-part^="bay "]').count()) === 8, 'bays');
    assert((await page.getByTestId('chassis-rear').locator('[data-part^="supply "]').count()) === 2, 'supplies');
    assert((await page.getByTestId('chassis-rear').locator('.port').count()) === 6, 'ports');
    for (const part of await front.locator('[data-part]').all()) {
      const name = (await part.getAttribute('aria-label')) ?? '';
      assert(/^槽位 \d: (正常|警告|严重|空|未知)/.test(name), name);
    }
    await noAlert();
  });
  await step('a part is chosen by mouse and keyboard, and its address says so', async () => {
    await front.locator('[data-part="bay 2"]').click();
    await page.getByTestId('part').getByText('槽位 2').waitFor();
    assert(new URL(page.url()).searchParams.get('part') === 'bay 2', page.url());
    await front.locator('[data-part="bay 3"]').focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('part').getByText('槽位 3').waitFor();
    await page.keyboard.press('Enter');
    await page.getByTestId('part').waitFor({ state: 'detached' });
  });
  await step('readings are listed, found, and drawn over time', async () => {
    await eventually('readings', async () => (await readings.locator('tbody tr').count()) > 0);
    const all = await readings.locator('tbody tr').count();
    await readings.getByRole('searchbox').fill('no such reading');
    assert((await readings.locator('tbody tr').count()) === 0, 'found what is not there');
    await readings.getByRole('searchbox').fill('');
    await eventually('all of them again', async () => (await readings.locator('tbody tr').count()) >= all);
    const kept = readings.locator('tbody button').first();
    await eventually('one whose course is kept', async () => (await kept.count()) > 0);
    const name = await kept.innerText();
    await kept.click();
    await page.getByRole('heading', { name: `读数曲线: ${name}` }).waitFor();
    await eventually('its course', async () => (await page.locator('.uplot canvas').count()) > 0);
    await page.getByRole('button', { name: '显示全部' }).click();
    await page.getByRole('heading', { name: '读数曲线', exact: true }).waitFor();
    await noAlert();
  });
  await step('sources say when they answered, and a box without a management controller says so', async () => {
    const sources = page.getByRole('region', { name: '数据来源' });
    await sources.getByRole('cell', { name: '内核（sysfs）', exact: true }).waitFor();
    await page.getByRole('region', { name: 'BMC 事件日志' }).getByText('日志为空').waitFor();
    assert((await page.goto(`${url}/hardware?part=bay+1`)).ok(), 'the address');
    await page.getByTestId('part').waitFor();
    await noAlert();
  });
}
