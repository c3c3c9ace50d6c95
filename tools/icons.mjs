/** `node tools/icons.mjs`: makes www/icons again from www/icon.svg, with Chromium. Only needed when the icon changes. */

import {mkdirSync, readFileSync} from 'node:fs'

import {chromium} from 'playwright-core'

const svg = readFileSync('www/icon.svg', 'utf8')
const picture = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
/** Systems cut maskable icons to their own shape: the ground fills the square, the drawing keeps to the middle 80 %. */
const ICONS = [
  {file: '192.png', side: 192, share: 1, ground: 'transparent'},
  {file: '512.png', side: 512, share: 1, ground: 'transparent'},
  {file: 'maskable-512.png', side: 512, share: 0.8, ground: '#14171C'},
]

mkdirSync('www/icons', {recursive: true})
const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu']})
for (const {file, side, share, ground} of ICONS) {
  const page = await browser.newPage({viewport: {width: side, height: side}})
  const inner = Math.round(side * share)
  await page.setContent(`<body style="margin:0;background:${ground};display:grid;place-items:center;height:100vh"><img src="${picture}" width="${inner}" height="${inner}"></body>`)
  await page.locator('img').waitFor()
  await page.screenshot({path: `www/icons/${file}`, omitBackground: ground === 'transparent'})
  await page.close()
}
await browser.close()
