(function () {
	var box = document.getElementById('filter'), text = document.getElementById('ft');
	var bad = document.getElementById('fb'), all = [];
	document.querySelectorAll('.matrix tbody tr, .res').forEach(function (e) {
		var name = e.querySelector('.rn, .nm');
		all.push([e, (name ? name.textContent : '').toLowerCase(),
			e.classList.contains('good') || e.classList.contains('passed') || e.classList.contains('skipped')]);
	});
	/* Its cells hide what is under them: what scrolls out of the matrix fades. */
	function fade() {
		document.querySelectorAll('.mx').forEach(function (m) {
			m.classList.toggle('more', m.scrollLeft + m.clientWidth < m.scrollWidth - 1);
			m.classList.toggle('below', m.scrollTop + m.clientHeight < m.scrollHeight - 1);
		});
	}
	function go() {
		var want = text.value.toLowerCase();
		all.forEach(function (a) {
			a[0].hidden = a[1].indexOf(want) < 0 || (bad.checked && a[2]);
		});
		fade();
	}
	text.addEventListener('input', go);
	bad.addEventListener('change', go);
	document.querySelectorAll('.mx').forEach(function (m) {
		m.addEventListener('scroll', fade);
	});
	window.addEventListener('resize', fade);
	box.hidden = false;
	go();
})();
